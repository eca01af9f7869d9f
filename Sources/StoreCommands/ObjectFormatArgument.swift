public import ArgumentParser
public import GitFormat

extension ObjectFormat: ExpressibleByArgument {}
