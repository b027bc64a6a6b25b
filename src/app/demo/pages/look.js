// The switches of language and theme. The theme is kept in this browser, the language in a cookie that the server reads.

const KEY = "usher.theme";
const root = document.documentElement;

function apply(theme) {
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  else delete root.dataset.theme;
}

function kept() {
  try { return localStorage.getItem(KEY) ?? "auto"; } catch { return "auto"; }
}

apply(kept());

const themes = document.getElementById("theme");
themes.value = kept();
themes.addEventListener("change", () => {
  try { localStorage.setItem(KEY, themes.value); } catch { /* A browser that keeps nothing still shows it. */ }
  apply(themes.value);
});

const languages = document.getElementById("language");
languages.value = root.lang;
languages.addEventListener("change", () => {
  document.cookie = `usher-language=${languages.value}; path=/; max-age=31536000; samesite=lax`;
  location.reload();
});
