//! What survives a restart: queue, quarantine, policy revisions, journal.
