"""What drivers share: links, contract, registry, captures, simulation, conformance suite."""
