import { afterEach, describe, expect, it } from 'vitest';
import { autoStart } from '../src/autostart.ts';
import { FakeLink } from './doubles.ts';

function meta(name: string, content: string): void {
  document.head.append(Object.assign(document.createElement('meta'), { name, content }));
}

afterEach(() => document.head.replaceChildren());

describe('start from the meta tags', () => {
  it('starts for an administrator', () => {
    meta('user-id', 'own:1');
    meta('user-role', 'super_admin');
    const link = new FakeLink();
    const started = autoStart({ link: link.factory, autoStart: false });
    expect([started?.userId, started?.userRole, started?.hub]).toEqual(['own:1', 'super_admin', 'MesChainAdminHub']);
  });

  it.each(['viewer', ''])('does not for the role "%s"', (role) => {
    meta('user-id', 'own:1');
    meta('user-role', role);
    expect(autoStart({ link: new FakeLink().factory, autoStart: false })).toBeNull();
  });

  it('does not without tags', () => {
    expect(autoStart()).toBeNull();
  });
});
