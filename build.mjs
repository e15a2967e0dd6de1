// Builds CSS, JavaScript, fonts and the icon sprite into frontend/built. Same input, same bytes.
import { build } from "esbuild";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const out = "frontend/built";
rmSync(out, { recursive: true, force: true });
mkdirSync(`${out}/fonts`, { recursive: true });

const inter = "node_modules/@fontsource-variable/inter/files";
for (const subset of ["latin", "latin-ext"]) {
  cpSync(`${inter}/inter-${subset}-wght-normal.woff2`, `${out}/fonts/inter-${subset}.woff2`);
}

// The PDF engine reads fonts as TTF; they are not served to browsers.
mkdirSync("frontend/pdf/fonts", { recursive: true });
const ttf = "node_modules/@expo-google-fonts/inter";
for (const weight of ["400Regular", "600SemiBold", "700Bold"]) {
  cpSync(`${ttf}/${weight}/Inter_${weight}.ttf`, `frontend/pdf/fonts/Inter_${weight}.ttf`);
}

const icons = JSON.parse(readFileSync("frontend/icons.json", "utf8"));
const symbols = Object.entries(icons).map(([name, source]) => {
  const svg = readFileSync(`node_modules/lucide-static/icons/${source}.svg`, "utf8");
  const body = svg.replace(/<!--[\s\S]*?-->/g, "").replace(/^[\s\S]*?<svg[\s\S]*?>/, "").replace("</svg>", "");
  return `<symbol id="${name}" viewBox="0 0 24 24">${body.replace(/\s+/g, " ").trim()}</symbol>`;
});
writeFileSync(`${out}/icons.svg`, `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>\n`);
cpSync("frontend/logo.svg", `${out}/logo.svg`);

// Shapes for the map, as they are.
mkdirSync(`${out}/geo`, { recursive: true });
for (const [source, name] of [["municipalities.topojson", "municipalities.json"], ["regions.geojson", "regions.json"]]) {
  cpSync(`reference/finland/geo/${source}`, `${out}/geo/${name}`);
}

await build({
  entryPoints: { app: "frontend/js/app.js", map: "frontend/js/map.js", style: "frontend/css/style.css" },
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022", "chrome120", "firefox121", "safari17.5"],
  outdir: out,
  external: ["./fonts/*", "fonts/*"],
  legalComments: "linked",
});
