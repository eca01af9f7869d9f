import ArgumentParser
import GitFormat
import Glibc
import HostSystem
import StoreSync
import VersionedStore

/// `lares store bundle`.
struct BundleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bundle", abstract: "Carry branches in one file, as git bundle does.",
    subcommands: [BundleCreateCommand.self, BundleImportCommand.self])

  /// A day: a pipe may wait for a person.
  fileprivate static let idleSeconds = 86_400
}

struct BundleCreateCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "create", abstract: "Write a bundle.",
    discussion: "With --excluding it has only what came since, and can be imported where that is there already.")
  @OptionGroup var store: StoreOptions
  @Option(help: ArgumentHelp("Nothing that is in the history of this.", valueName: "commit"))
  var excluding: [String] = []
  @Argument(help: "The file; - is standard output.")
  var file: String
  @Argument(help: "Branches and snapshots. Default: all.")
  var names: [String] = []

  func perform(_ output: Output) throws {
    let repository = try store.open()
    let references = try references(in: repository)
    let excluded = try excluding.map { try Revision.commit($0, in: repository).id }
    func write(to number: Int32) throws(StoreError) {
      let stream = DescriptorStream(reading: number, writing: number, idleSeconds: BundleCommand.idleSeconds)
      try Bundle.write(references, of: repository.backend, excluding: excluded, to: stream)
    }
    guard file != "-" else { return try write(to: STDOUT_FILENO) }
    let temporary = "\(file).new"
    do {
      let descriptor = try Descriptor(opening: temporary, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o640)
      try write(to: descriptor.number)
      try systemCall("syncing \(temporary)") { fsync(descriptor.number) }
    } catch {
      unlink(temporary)
      throw error
    }
    try File.move(temporary, to: file)
  }

  private func references(in repository: Repository) throws -> [RefName] {
    let all = try ["refs/heads/", "refs/tags/"].flatMap { try repository.backend.references(under: $0) }
    guard !names.isEmpty else {
      // With HEAD git clone knows what to check out.
      return try repository.mainBranch().head() == nil ? all.map(\.name) : [.head] + all.map(\.name)
    }
    return try names.map { name in
      let wanted = ["refs/heads/\(name)", "refs/tags/\(name)", name]
      guard let found = all.first(where: { wanted.contains($0.name.text) }) else {
        throw CommandFailure(.absent, "there is no branch or snapshot \(Words.line(name)) here")
      }
      return found.name
    }
  }
}

struct BundleImportCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "import", abstract: "Take what is in a bundle.",
    discussion: """
      Branches here go forward to what the bundle has; one that has commits of its own is left as it is. --as NAME brings \
      the bundle's branches as NAME/BRANCH instead, to be merged.
      """)
  @OptionGroup var store: StoreOptions
  @Option(name: .customLong("as"), help: ArgumentHelp("Bring its branches as NAME/BRANCH.", valueName: "name"))
  var remoteName: String?
  @Argument(help: "The file; - is standard input.")
  var file: String
  @Argument(help: "What becomes what: refs/heads/main:refs/heads/theirs.")
  var refspecs: [String] = []

  func perform(_ output: Output) throws {
    let person = Person()
    let branches = remoteName.map { "+refs/heads/*:refs/remotes/\($0)/*" } ?? "refs/heads/*:refs/heads/*"
    let specs = try (refspecs.isEmpty ? [branches, "refs/tags/*:refs/tags/*"] : refspecs).map { try RefSpec($0) }
    let descriptor = file == "-" ? nil : try OpenFile(file)
    let number = descriptor?.number ?? STDIN_FILENO
    try store.change(as: person) { repository in
      let stream = DescriptorStream(reading: number, writing: number, idleSeconds: BundleCommand.idleSeconds)
      var refused: [RefName] = []
      let changes = try Bundle.fetch(
        stream, into: repository.backend, specs, who: person.authorNow, refused: { refused.append($0) })
      try report(changes, refused: refused, to: output)
    }
  }

  /// Keeps a file open, or nothing.
  private final class OpenFile {
    let descriptor: Descriptor
    var number: Int32 { descriptor.number }
    init(_ path: String) throws(SystemError) { descriptor = try Descriptor(opening: path, O_RDONLY) }
  }
}
