//! klamm-timeline
