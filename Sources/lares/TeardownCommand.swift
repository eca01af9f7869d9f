import ArgumentParser

struct Teardown: ParsableCommand {}
