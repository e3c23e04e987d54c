// Sums over the marketplaces that the user sees. Pure.

import { hasNoSource, number } from '@meschain/client';
import type { MarketplaceSnapshot } from '@meschain/contracts';

type Summable = 'ordersToday' | 'revenueToday' | 'listings' | 'listingsOutOfStep';

/** The sum over those with a source; null when none has one, or when they differ in currency. */
export function total(marketplaces: readonly MarketplaceSnapshot[], key: Summable): number | null {
  const known = marketplaces.filter((marketplace) => !hasNoSource(marketplace.sources, key));
  if (known.length === 0) return null;
  if (key === 'revenueToday' && new Set(known.map((marketplace) => marketplace.currency)).size > 1) return null;
  return known.reduce((sum, marketplace) => sum + (number(marketplace[key]) ?? 0), 0);
}
