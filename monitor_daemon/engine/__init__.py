"""One queue of inputs: judged by the core, written to the journal, then handed on."""
