import Glibc
import HostSystem
import Synchronization

/// What the processes that have a store open tell each other about its journal, in memory that they share.
///
/// The file behind it is never synced and never believed after a start: whoever finds itself alone writes it anew from
/// the journal.
final class SharedState: @unchecked Sendable {
  private static let size = 4_096
  private let words: UnsafeMutablePointer<Atomic<UInt64>>
  private let mapping: UnsafeMutableRawPointer

  init(path: String) throws(SystemError) {
    let descriptor = try Descriptor(opening: path, O_RDWR | O_CREAT, mode: 0o640)
    let number = descriptor.number
    try systemCall("sizing \(path)") { ftruncate(number, off_t(Self.size)) }
    let mapping = mmap(nil, Self.size, PROT_READ | PROT_WRITE, MAP_SHARED, number, 0)
    guard let mapping, mapping != MAP_FAILED else { throw SystemError("mapping \(path)") }
    self.mapping = mapping
    words = mapping.bindMemory(to: Atomic<UInt64>.self, capacity: Self.size / 8)
  }

  deinit { munmap(mapping, Self.size) }

  private subscript(index: Int) -> UInt64 {
    get { words[index].load(ordering: .sequentiallyConsistent) }
    set { words[index].store(newValue, ordering: .sequentiallyConsistent) }
  }

  /// Changes whenever the journal begins anew.
  var generation: UInt64 {
    get { self[0] }
    set { self[0] = newValue }
  }

  /// Up to where the journal of `generation` is on the disk.
  var syncedEnd: Int { Int(self[1]) }

  /// Says that a sync has ended that covers the journal up to here.
  func raiseSyncedEnd(to end: Int) { words[1].max(UInt64(end), ordering: .sequentiallyConsistent) }
  func setSyncedEnd(_ end: Int) { self[1] = UInt64(end) }

  /// Up to where records of `generation` count; written under the journal's lock.
  var tail: Int {
    get { Int(self[3]) }
    set { self[3] = UInt64(newValue) }
  }

  /// A sync of the journal has failed: nothing is acknowledged any more.
  var isPoisoned: Bool {
    get { self[2] != 0 }
    set { self[2] = newValue ? 1 : 0 }
  }
}
