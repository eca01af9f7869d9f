import Glibc
import HostSystem
import Synchronization
import Wire

/// What the processes that have a store open tell each other about its journal, in memory that they share.
///
/// The file behind it is never synced and never believed after a start of the machine: whoever finds itself alone writes it
/// anew from the journal.
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

  /// Up to where the journal is on the disk, with a part of the generation that it was said of.
  private static func mark(_ end: Int, _ generation: UInt64) -> UInt64 { UInt64(end) | generation << 48 }

  /// Up to where the journal of a generation is on the disk; 0 where the word is of another.
  func syncedEnd(_ generation: UInt64) -> Int {
    let word = self[1]
    return word >> 48 == generation & 0xFFFF ? Int(word & 0xFFFF_FFFF_FFFF) : 0
  }

  /// Says that a sync has ended that covers the journal of a generation up to here. Comes to nothing where the journal
  /// has begun anew, or is known to be further.
  func raiseSyncedEnd(to end: Int, _ generation: UInt64) {
    var word = self[1]
    while word >> 48 == generation & 0xFFFF, word < Self.mark(end, generation) {
      let (done, found) = words[1].compareExchange(
        expected: word, desired: Self.mark(end, generation), ordering: .sequentiallyConsistent)
      if done { return }
      word = found
    }
  }

  func setSyncedEnd(_ end: Int, _ generation: UInt64) { self[1] = Self.mark(end, generation) }

  /// Up to where records of `generation` count; written under the journal's lock.
  var tail: Int {
    get { Int(self[3]) }
    set { self[3] = UInt64(newValue) }
  }

  /// Changes whenever a collection takes objects away; written under the journal's lock.
  var collection: UInt64 {
    get { self[4] }
    set { self[4] = newValue }
  }

  /// When one last did so, by the clock that all processes share until the next start of the machine.
  var lastDrop: Instant {
    get { Instant(nanoseconds: Int64(bitPattern: self[5])) }
    set { self[5] = UInt64(bitPattern: newValue.nanoseconds) }
  }

  /// Whether somebody has written all this anew since the machine started, and was not cut off doing so.
  var isKnown: Bool {
    get { self[6] == Self.boot }
    set { self[6] = newValue ? Self.boot : 0 }
  }

  /// A number that each start of the machine has of its own (random(4), `boot_id`); where that cannot be read, 1.
  private static let boot: UInt64 = {
    let text = (try? File.readIfPresent("/proc/sys/kernel/random/boot_id")) ?? nil
    let digits = (text ?? []).filter { $0 != UInt8(ascii: "-") }.prefix(16)
    return max(1, UInt64(String(decoding: digits, as: UTF8.self), radix: 16) ?? 1)
  }()

  /// A sync of the journal has failed: nothing is acknowledged any more.
  var isPoisoned: Bool {
    get { self[2] != 0 }
    set { self[2] = newValue ? 1 : 0 }
  }
}
