"""Other people's simulators, one adapter module each; each is imported only when it is used."""
