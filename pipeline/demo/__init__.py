"""The demonstration in two acts: a simulated world is mapped, and mapped again where its land has changed."""
