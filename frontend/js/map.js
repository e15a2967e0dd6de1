// The map beside the list: the same filters, clusters made by the server, shapes from this house.
import * as L from "leaflet";

const box = document.querySelector("[data-map]");
const card = document.querySelector("[data-mapcard]");
const FINLAND = [[59.6, 19.6], [70.1, 31.6]];

const remembered = () => { try { return localStorage.getItem("map") !== "closed"; } catch { return true; } };
const remember = (open) => { try { localStorage.setItem("map", open ? "open" : "closed"); } catch { /* private window */ } };

// Borders as lines: each arc of the topology once, whatever lies on both sides of it.
const borders = ({ arcs, transform: { scale, translate } }) => arcs.map((arc) => {
  let x = 0;
  let y = 0;
  return arc.map(([dx, dy]) => {
    x += dx;
    y += dy;
    return [y * scale[1] + translate[1], x * scale[0] + translate[0]];
  });
});

const load = async (url) => {
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
};

const start = () => {
  const words = box.dataset;
  const map = L.map(box, { zoomControl: false, attributionControl: Boolean(words.tiles), minZoom: 4, maxZoom: 18, zoomSnap: 0.5 });
  L.control.zoom({ zoomInTitle: words.zoomIn, zoomOutTitle: words.zoomOut }).addTo(map);
  map.fitBounds(FINLAND);
  box.setAttribute("role", "region");
  box.setAttribute("aria-label", words.label);
  const said = document.querySelector("[data-map-said]");
  const marks = L.layerGroup().addTo(map);

  if (words.tiles) L.tileLayer(words.tiles, { attribution: L.Util.template("{source}", { source: words.tilesSource || " " }) }).addTo(map);
  else {
    load(words.regions).then((shapes) => L.geoJSON(shapes, { interactive: false, className: "mapregion" }).addTo(map).bringToBack());
    load(words.municipalities).then((topology) => {
      L.polyline(borders(topology), { interactive: false, className: "mapborder" }).addTo(map);
    });
  }

  const mark = (at, text, label, press, kind = "") => {
    const face = document.createElement("span");
    face.textContent = text;
    const small = kind || !text;
    const icon = L.divIcon({ className: kind ? `boardmark ${kind}` : text ? "mapcluster" : "mapsite", html: face, iconSize: small ? [26, 26] : [44, 44] });
    const marker = L.marker(at, { icon, keyboard: true, riseOnHover: true });
    marker.on("add", () => marker.getElement().setAttribute("aria-label", label));
    marker.on("click", () => press(marker));
    marker.on("keydown", ({ originalEvent: event }) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      press(marker);
    });
    return marker.addTo(marks);
  };

  const open = (site) => (marker) => {
    const body = document.createElement("div");
    const link = document.createElement("a");
    link.href = site.url;
    link.textContent = site.name;
    const note = document.createElement("p");
    note.textContent = site.note;
    body.append(link, note);
    marker.unbindPopup().bindPopup(body, { closeButton: false }).openPopup();
    link.focus();
  };

  // Few enough to stand in the page itself: all at once, each with the mark of its kind.
  if (words.points) {
    const sites = JSON.parse(document.getElementById(words.points).textContent);
    for (const site of sites) mark(site.at, site.mark, `${site.name}: ${site.note}`, open(site), site.kind);
    if (sites.length) map.fitBounds(L.latLngBounds(sites.map((site) => site.at)), { padding: [30, 30], maxZoom: 12 });
    return;
  }

  let asked = 0;
  const show = async () => {
    const mine = ++asked;
    const bounds = map.getBounds();
    const query = new URLSearchParams(window.location.search);
    for (const name of ["page", "sort", "column", "per_page"]) query.delete(name);
    query.set("bbox", [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()].map((n) => n.toFixed(4)).join(","));
    query.set("zoom", String(Math.round(map.getZoom())));
    box.setAttribute("aria-busy", "true");
    try {
      const found = await load(`${words.url}?${query}`);
      if (mine !== asked) return; // a later look is under way
      const held = document.activeElement?.classList.contains("leaflet-marker-icon");
      // What somebody has just opened stays open, whatever comes late.
      const kept = marks.getLayers().find((marker) => marker.isPopupOpen());
      for (const marker of marks.getLayers()) if (marker !== kept) marks.removeLayer(marker);
      for (const cluster of found.clusters) {
        const label = (found.approximate ? words.about : words.cluster).replace("COUNT", cluster.words);
        const [size, text] = [map.getZoom() + 2, (found.approximate ? "≈" : "") + cluster.words];
        mark(cluster.at, text, label, () => map.setView(cluster.at, Math.min(18, size)));
      }
      for (const site of found.points) {
        if (kept?.site !== site.url) mark(site.at, "", site.name, open(site)).site = site.url;
      }
      said.textContent = found.words;
      if (held) box.focus({ preventScroll: true });
    } catch {
      if (mine === asked) said.textContent = words.failed;
    } finally {
      if (mine === asked) box.removeAttribute("aria-busy");
    }
  };

  map.on("moveend", show);
  const anew = () => { map.closePopup(); show(); };
  document.addEventListener("htmx:afterSettle", (event) => { if (event.target.id === "results") anew(); });
  window.addEventListener("popstate", anew);
  card.addEventListener("toggle", () => { if (card.open) map.invalidateSize(); });
  show();
};

if (box?.dataset.points) start();
else if (box && card) {
  card.open = remembered();
  let started = false;
  const begin = () => {
    if (started || !card.open) return;
    started = true;
    start();
  };
  card.addEventListener("toggle", () => { remember(card.open); begin(); });
  begin();
}
