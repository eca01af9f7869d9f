import ArgumentParser
import GitFormat
import Glibc
import HostSystem
import StoreSync
import Synchronization
import VersionedStore

/// `lares store watch`.
struct WatchCommand: StoreVerb {
  static let configuration = CommandConfiguration(
    commandName: "watch", abstract: "Tell changes as they happen, whoever makes them, until it is stopped.",
    discussion: """
      A line has what happened (added, updated, removed), the branch, its newest commit, and with a path the file. Lines \
      are written at once. Changes that follow each other fast may come as one.

      It ends after --count changes, or when nobody reads its output any more.
      """)
  @OptionGroup var branch: BranchOptions
  @Flag(help: "Print one JSON object a change.")
  var json = false
  @Flag(help: "All branches, those that are yet to come too.")
  var all = false
  @Flag(help: "Begin with what is there now, as if it had just been added; then nothing can be missed.")
  var initial = false
  @Option(
    name: [.customShort("n", allowingJoined: true), .customLong("count")], help: "How many changes to tell at most.")
  var count: Int?
  @Argument(help: "Only changes at or below this.")
  var path: PathArgument?

  func validate() throws {
    if let count, count < 1 { throw ValidationError("--count is at least 1") }
    if all, branch.name != nil { throw ValidationError("--all and --branch exclude each other") }
  }

  func perform(_ output: Output) throws {
    let repository = try branch.store.open()
    let name = all ? nil : try branch.branch(in: repository).name
    let changes = try ChangeQueue()
    let watch = try repository.watch(branch: name, path: path?.path) { changes.add($0) }
    defer { withExtendedLifetime(watch) {} }
    var left = count ?? .max
    if initial {
      for change in try state(of: name, in: repository) where left > 0 {
        try tell(change, to: output)
        left -= 1
      }
    }
    while left > 0, let change = try changes.next() {
      try tell(try Told(change.get()), to: output)
      left -= 1
    }
  }

  /// What is there, as changes from nothing.
  private func state(of name: String?, in repository: Repository) throws -> [Told] {
    let branches = try name.map { [try repository.branch($0)] } ?? repository.branches()
    return try branches.compactMap { branch in
      guard let head = try branch.head() else { return nil }
      guard let path = path?.path else { return Told(kind: .added, branch: branch, new: head.id) }
      guard try head.tree.kind(path) != nil else { return nil }
      let files = try repository.emptyTree.differences(to: head.tree, below: path)
      return Told(kind: .added, branch: branch, new: head.id, paths: files)
    }
  }

  /// A change as it is printed.
  private struct Told {
    var kind: BranchChange.Kind
    var branch: Branch
    var old: ObjectID?
    var new: ObjectID?
    /// nil where no path is watched, or so many differ that they are not told.
    var paths: [TreeChange]?

    init(kind: BranchChange.Kind, branch: Branch, new: ObjectID, paths: [TreeChange]? = nil) {
      (self.kind, self.branch, self.new, self.paths) = (kind, branch, new, paths)
    }

    init(_ change: BranchChange) {
      (kind, branch, old, new, paths) = (change.kind, change.branch, change.old?.id, change.new?.id, change.paths)
    }
  }

  private struct JSONChange: Encodable {
    var kind: String
    var branch: String
    var old: String?
    var new: String?
    var files: [JSONChangedFile]?
  }

  private func tell(_ change: Told, to output: Output) throws {
    let id = change.new ?? change.old
    if json {
      try output.json(
        JSONChange(
          kind: change.kind.word, branch: change.branch.name, old: change.old?.hex, new: change.new?.hex,
          files: change.paths?.map { JSONChangedFile($0) }))
    } else if let files = change.paths {
      for file in files {
        try output.line("\(file.kind.word)  \(change.branch.name)  \(id?.hex ?? "")  \(Words.quoted(file.path))")
      }
    } else {
      let words = path.map { "  \(Words.quoted($0.path))" } ?? ""
      try output.line("\(change.kind.word)  \(change.branch.name)  \(id?.hex ?? "")\(words)")
    }
    try output.flush()
  }
}

extension BranchChange.Kind {
  fileprivate var word: String {
    switch self {
    case .added: "added"
    case .updated: "updated"
    case .removed: "removed"
    }
  }
}

/// Changes on their way from the watch's thread to the one that prints.
private final class ChangeQueue: Sendable {
  private let waiting = Mutex<[Result<BranchChange, StoreError>]>([])
  private let bell: Pipe

  init() throws(SystemError) { bell = try Pipe() }

  func add(_ change: Result<BranchChange, StoreError>) {
    waiting.withLock { $0.append(change) }
    var byte: UInt8 = 0
    _ = write(bell.writing.number, &byte, 1)
  }

  /// Waits for the next change; nil when nobody reads standard output any more.
  func next() throws -> Result<BranchChange, StoreError>? {
    while true {
      var polls = [
        pollfd(fd: bell.reading.number, events: Int16(POLLIN), revents: 0),
        pollfd(fd: STDOUT_FILENO, events: 0, revents: 0),
      ]
      try systemCall("waiting for changes") { poll(&polls, 2, -1) }
      if polls[0].revents != 0 {
        var byte: UInt8 = 0
        _ = read(bell.reading.number, &byte, 1)
        if let change = waiting.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { return change }
      } else if polls[1].revents & Int16(POLLERR | POLLHUP) != 0 {
        return nil
      }
    }
  }
}
