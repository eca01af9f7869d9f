import ArgumentParser
import GitFormat
import VersionedStore

/// `lares store set`.
struct SetCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "set", abstract: "Set a value, from the argument or from standard input.",
    discussion: """
      Without a value argument the value is what standard input has, byte by byte. Where the value is as it was, there is \
      no commit. A value that begins with a hyphen stands behind --, as in: set balance -- -5
      """)

  enum Mode: String, ExpressibleByArgument, CaseIterable {
    case file, executable, link
    var fileMode: FileMode { self == .file ? .file : self == .executable ? .executable : .link }
  }

  @OptionGroup var branch: BranchOptions
  @OptionGroup var change: ChangeOptions
  @Option(help: "What a checkout makes of it: file, executable or link (the value is its target). Default: as it was.")
  var mode: Mode?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Only where the value is this now.", valueName: "value"))
  var ifEquals: String?
  @Flag(help: "Only where there is no value now.")
  var ifAbsent = false
  @Argument(help: "Where the value stands, such as people/ada/phone.")
  var path: PathArgument
  @Argument(help: "The value; without it, standard input.")
  var value: String?

  func validate() throws {
    if ifAbsent, ifEquals != nil { throw ValidationError("--if-equals and --if-absent exclude each other") }
  }

  func perform(_ output: Output) throws {
    try path.path.checkAllowed()
    try branch.store.change(as: change.person) { repository in
      let branch = try branch.branch(in: repository)
      try set(try repository.value(value), on: branch)
    }
  }

  private func set(_ value: StagedValue, on branch: Branch) throws(StoreError) {
    try branch.updateAnew(change.info("Set \(path.path)")) { tree throws(StoreError) in
      let found = try tree.value(path.path)
      if let ifEquals, try !ValueReader.isEqual(found, ifEquals) { throw .testFailed(path.path) }
      if ifAbsent, try tree.kind(path.path) != nil { throw .testFailed(path.path) }
      try tree.set(path.path, value, mode: mode?.fileMode ?? found?.mode ?? .file)
    }
  }
}

extension ValueReader {
  fileprivate static func isEqual(_ value: Self?, _ text: String) throws(StoreError) -> Bool {
    guard let value, value.size == text.utf8.count else { return false }
    return try value.read(0..<value.size) == Array(text.utf8)
  }
}
