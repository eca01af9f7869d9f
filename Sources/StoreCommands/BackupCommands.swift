import ArgumentParser
import GitFormat
import Glibc
import HostSystem
import StoreSync
import VersionedStore

/// `lares store backup`.
struct BackupCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "backup", abstract: "Write repositories into one encrypted file.",
    discussion: """
      The file has all branches, snapshots and other references with all that they reach, as of one moment for each \
      repository, and what has been forgotten. It has no reflogs, and of the settings only remotes and people. \
      Without the passphrase nothing of it can be read; who loses that has lost the backup.
      """)
  @OptionGroup var store: StoreOptions
  @OptionGroup var passphrase: PassphraseOptions
  @OptionGroup var listing: ListOptions
  @Argument(help: "The file; - is standard output.")
  var file: String
  @Argument(help: "Folders of repositories. Default: that of --repository.")
  var repositories: [String] = []

  func perform(_ output: Output) throws {
    if file == "-", isatty(STDOUT_FILENO) == 1 {
      throw CommandFailure(.failed, "a backup is no text for a terminal; name a file")
    }
    let items = try (repositories.isEmpty ? [store.folder] : repositories).map { folder in
      Backup.Item(try Self.name(of: folder), try GitBackend(opening: folder))
    }
    let passphrase = try passphrase.read(isNew: true)
    func write(to number: Int32) throws(StoreError) -> [Backup.Entry] {
      let stream = DescriptorStream(reading: number, writing: number, idleSeconds: 86_400)
      return try Backup.write(items, passphrase: passphrase, salt: SystemRandomness.bytes(16)) {
        (bytes) throws(StoreError) in try stream.write(bytes)
      }
    }
    if file == "-" {
      _ = try write(to: STDOUT_FILENO)
      return
    }
    let temporary = "\(file).new"
    let entries: [Backup.Entry]
    do {
      let descriptor = try Descriptor(opening: temporary, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
      entries = try write(to: descriptor.number)
      try systemCall("syncing \(temporary)") { fsync(descriptor.number) }
    } catch {
      unlink(temporary)
      throw error
    }
    try File.move(temporary, to: file)
    try File.syncFolder(of: file)
    for entry in entries { try listing.print(entry, to: output) }
  }

  /// The folder's own name.
  private static func name(of folder: String) throws -> String {
    guard let resolved = realpath(folder, nil) else { throw SystemError("looking for \(folder)") }
    defer { free(resolved) }
    let path = String(cString: resolved)
    return String(path.split(separator: "/").last ?? "")
  }
}

/// `lares store restore`.
struct RestoreCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "restore", abstract: "Make repositories of a backup.",
    discussion: """
      The repositories are put into a new folder, all or none of them: never over something that is there. Each object \
      is checked. What has been forgotten since the backup was made comes back, unless --forgotten names a repository, or \
      a folder of repositories, that knows of it.

      --only config.git takes the configuration's history out of a router's backup, which lares restore brings back whole.

      With --verify everything is read and checked, and nothing is left. The folder says where there is room for that; \
      it has the data in plain text for a while.
      """)
  @OptionGroup var passphrase: PassphraseOptions
  @OptionGroup var listing: ListOptions
  @Option(help: ArgumentHelp("Only this repository; may be said more than once.", valueName: "name"))
  var only: [String] = []
  @Option(help: ArgumentHelp("Leave out what a repository here has forgotten.", valueName: "path"))
  var forgotten: [String] = []
  @Flag(help: "Only check the backup.")
  var verify = false
  @Argument(help: "The backup; - is standard input.")
  var file: String
  @Argument(help: "The new folder; for --verify one that exists.")
  var folder: String?

  func validate() throws {
    if !verify, folder == nil { throw ValidationError("Name the folder to make, or say --verify.") }
  }

  func perform(_ output: Output) throws {
    var options = RestoreOptions(who: Person().authorNow)
    if !only.isEmpty { options.only = Set(only) }
    let places = forgotten
    options.forgotten = { (name) throws(StoreError) in try Self.forgotten(name, in: places) }
    let passphrase = try passphrase.read(isNew: false)
    let opened = file == "-" ? nil : try InputFile(file)
    let number = opened?.descriptor.number ?? STDIN_FILENO
    let stream = DescriptorStream(reading: number, writing: number, idleSeconds: 86_400)
    let entries =
      verify
      ? try Backup.verify(stream, passphrase: passphrase, using: folder ?? ".", options)
      : try Backup.restore(stream, passphrase: passphrase, into: folder ?? ".", options)
    withExtendedLifetime(opened) {}
    for entry in entries { try listing.print(entry, to: output) }
  }

  private static func forgotten(_ name: String, in places: [String]) throws(StoreError) -> ForgottenObjects? {
    var all: ForgottenObjects?
    for place in places {
      let below = "\(place)/\(name)"
      let list = try GitBackend(opening: access(below, F_OK) == 0 ? below : place).forgotten
      all = try all?.union(list) ?? list
    }
    return all
  }

  private final class InputFile {
    let descriptor: Descriptor
    init(_ path: String) throws(SystemError) { descriptor = try Descriptor(opening: path, O_RDONLY) }
  }
}

private struct JSONEntry: Encodable {
  var name: String
  var format: String
  var references: Int
  var objects: Int
  var bytes: Int
  var rewritten: Int
}

extension ListOptions {
  fileprivate func print(_ entry: Backup.Entry, to output: Output) throws {
    guard json else {
      let rewritten = entry.rewritten > 0 ? ", \(entry.rewritten) commits made anew" : ""
      return try self.entry(
        Array(entry.name.utf8), behind: "  \(entry.references) references, \(entry.objects) objects\(rewritten)",
        to: output)
    }
    try output.json(
      JSONEntry(
        name: entry.name, format: entry.format.rawValue, references: entry.references, objects: entry.objects,
        bytes: entry.packBytes, rewritten: entry.rewritten))
  }
}
