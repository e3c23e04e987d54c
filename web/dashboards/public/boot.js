// Runs before the first paint: the theme and the language that were chosen earlier, so that no page flashes.
(() => {
  const root = document.documentElement;
  const read = (key) => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  };
  const theme = read('meschain_theme');
  if (theme === 'light' || theme === 'dark') root.dataset.theme = theme;
  const language = read('meschain_language');
  root.lang = language === 'tr' || language === 'en' ? language : navigator.language.startsWith('tr') ? 'tr' : 'en';
})();
