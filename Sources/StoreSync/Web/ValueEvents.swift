import GitFormat
import Glibc
import HostSystem
import VersionedStore

/// A branch's changes, as server-sent events (HTML Living Standard, 9.2): one for each change that a client has not heard
/// of, whose identifier is the branch's commit, so that a client that comes again with `Last-Event-ID` misses nothing.
struct ValueEvents {
  /// What the client knows.
  enum Start {
    case now
    case nothing
    case commit(ObjectID)
  }

  private let branch: Branch
  private let repository: Repository
  private let path: Path
  private let known: Commit?
  private let watch: Watch
  private let bell: SharedPipe

  /// So often a client that hears of nothing else hears that the connection is alive, milliseconds.
  private static let pause: Int64 = 15_000
  /// So many files of one change are told.
  private static let mostFiles = 1_000

  /// Changes from now on are not missed.
  ///
  /// - Parameter path: only changes at or below it are told.
  init(of branch: Branch, in repository: Repository, below path: Path, since start: Start) throws(StoreError) {
    self.branch = branch
    self.repository = repository
    self.path = path
    let bell = try SharedPipe()
    self.bell = bell
    watch = try repository.watch(branch: branch.name) { _ in bell.ring() }
    switch start {
    case .now: known = try branch.head()
    case .nothing: known = nil
    case .commit(let id):
      // One that is forgotten or was never here: then all is new.
      do throws(StoreError) { known = try repository.commit(id) } catch .missing { known = nil }
    }
  }

  /// Tells until the client goes, or may not see this any more.
  func send(to output: WebResponseBody, _ wait: ClientWait, while mayRead: () -> Bool) throws(StoreError) {
    defer { withExtendedLifetime(watch) {} }
    var known = known
    while mayRead() {
      let now = try branch.head()
      if now != known {
        if let event = try event(from: known, to: now) { try output.write(event) }
        known = now
      }
      switch try wait.wait(bell.reading, Self.pause) {
      case .bell: bell.drain()
      case .time: try output.write(Array(":\n\n".utf8))
      case .gone: return
      }
    }
  }

  private struct JSONEvent: Encodable {
    var branch: String
    var old: String?
    var new: String?
    /// Absent where so many differ that they are not told.
    var files: [JSONChangedFile]?
  }

  /// nil where nothing at the path has changed.
  private func event(from old: Commit?, to new: Commit?) throws(StoreError) -> [UInt8]? {
    let before = old?.tree ?? repository.emptyTree, after = new?.tree ?? repository.emptyTree
    var files: [TreeChange]?
    do throws(StoreError) {
      files = try before.differences(to: after, below: path, limit: Self.mostFiles)
    } catch .limitReached { files = nil }
    let isAll = path.isRoot
    if let files, files.isEmpty, !isAll { return nil }
    let (was, isThere) = isAll ? (old != nil, new != nil) : (try before.kind(path) != nil, try after.kind(path) != nil)
    let kind = was == isThere ? "updated" : isThere ? "added" : "removed"
    let value = JSONEvent(
      branch: branch.name, old: old?.id.hex, new: new?.id.hex, files: files?.map { JSONChangedFile($0) })
    var text = new.map { "id: \($0.id)\n" } ?? ""
    text += "event: \(kind)\ndata: "
    do { return Array(text.utf8) + (try JSON.encode(value)) + Array("\n\n".utf8) } catch { throw .invalid("\(error)") }
  }
}

/// A pipe whose ends live as long as somebody may ring or wait.
private final class SharedPipe: Sendable {
  private let pipe: Pipe
  var reading: Int32 { pipe.reading.number }

  init() throws(StoreError) {
    do { pipe = try Pipe() } catch { throw .system(error) }
    for end in [pipe.reading.number, pipe.writing.number] { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
  }

  func ring() {
    var byte: UInt8 = 0
    // A pipe that is full rings too.
    _ = write(pipe.writing.number, &byte, 1)
  }

  func drain() {
    var bytes = [UInt8](repeating: 0, count: 256)
    while read(pipe.reading.number, &bytes, bytes.count) == bytes.count {}
  }
}
