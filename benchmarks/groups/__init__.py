"""The groups of measurements: each module has ``run(effort)``, which gives its tables."""
