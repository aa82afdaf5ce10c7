// The scripts of a run's page, as one: none misses an event that came before it was loaded.

import "./live.js";
import "./log.js";
import "./graph.js";
