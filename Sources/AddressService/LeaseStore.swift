import HostSystem
import Household
import Wire

/// Keeps leases on stable storage, as facts. Goes on without it where that fails, and comes back when it works again.
///
/// While it fails, `isWorking` is false and the server promises nothing new. Whatever the files missed in the meantime is
/// written as a whole when they can be written again.
final class LeaseStore {
  private let folders: Folders
  private let loop: EventLoop
  private var writer: FactWriter<Lease>?
  /// Why leases cannot be stored now; nil: they can.
  private(set) var failure: SystemError?
  /// Leases as they were found.
  let found: [Lease]
  /// What was wrong with the files, in words.
  let recoveryNote: String?

  init(_ folders: Folders, loop: EventLoop) {
    self.folders = folders
    self.loop = loop
    do {
      let writer = try FactWriter(FactKinds.leases, in: folders, loop: loop)
      self.writer = writer
      found = Array(writer.values.values)
      recoveryNote = writer.recoveryNote
    } catch {
      failure = error
      // What was promised before can still be honoured where it can at least be read.
      found = Array(((try? FactReader.readOnce(FactKinds.leases, in: folders)) ?? [:]).values)
      recoveryNote = nil
    }
  }

  var isWorking: Bool { failure == nil }

  /// Makes the changes durable with one sync; false where nothing was stored.
  func store(_ changes: [LeaseChange]) -> Bool {
    attempt { (writer) throws(SystemError) in
      _ = try writer.apply(changes.map { ($0.address.description, $0.after) })
    }
  }

  /// Tries to store everything anew; true where it worked. Writing only what is missing would prove nothing where nothing is.
  func recover(_ leases: [IPv4Address: Lease]) -> Bool {
    attempt { (writer) throws(SystemError) in
      try writer.rewriteAll(with: Dictionary(leases.map { ($0.key.description, $0.value) }) { $1 })
    }
  }

  private func attempt(_ body: (FactWriter<Lease>) throws(SystemError) -> Void) -> Bool {
    do throws(SystemError) {
      let writer = try openWriter()
      try body(writer)
      failure = nil
    } catch {
      failure = error
    }
    return isWorking
  }
  private func openWriter() throws(SystemError) -> FactWriter<Lease> {
    if let writer { return writer }
    let writer = try FactWriter(FactKinds.leases, in: folders, loop: loop)
    self.writer = writer
    return writer
  }
}
