import "./htmx.js";
import "./frame.js";
import "./session.js";
import "./drafts.js";
import "./list.js";
import "./search.js";
import "./board.js";

document.documentElement.classList.add("js");
