"""The promises of the scheduler, each with the test that fails when one line of ours breaks it."""
