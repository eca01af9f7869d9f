internal import Synchronization

/// A split virtqueue (virtio 1.2 section 2.7) whose descriptor `i` always means buffer `i` of its own memory.
///
/// What the device writes is checked: an index outside the queue or a length beyond the buffer is a broken device,
/// and counts, but never reaches outside the queue's memory. The memory is never given back: the device may write to it
/// as long as the guest lives.
struct Virtqueue: ~Copyable {
  /// Bytes of each buffer.
  static let bufferSize = 2048
  /// A descriptor that the device fills (section 2.7.5).
  private static let deviceWrites: UInt16 = 2

  /// Descriptors and buffers: a power of two, at most 32768.
  let size: Int
  private let memory: UnsafeMutableRawPointer
  private let layout: Layout
  private var published: UInt16 = 0
  private var consumed: UInt16 = 0
  /// Completions that a right device never reports.
  private(set) var violations = 0

  /// Offsets of the three parts and the buffers in one allocation.
  private struct Layout {
    let available: Int
    let used: Int
    let buffers: Int
    let total: Int

    init(size: Int) {
      available = 16 * size
      used = (available + 6 + 2 * size + 3) & ~3
      buffers = (used + 6 + 8 * size + 4095) & ~4095
      total = buffers + size * Virtqueue.bufferSize
    }
  }

  /// `direction` says who writes the buffers.
  init(size: Int, direction: Direction) {
    self.size = size
    layout = Layout(size: size)
    memory = .allocate(byteCount: layout.total, alignment: 4096)
    memory.initializeMemory(as: UInt8.self, repeating: 0, count: layout.buffers)
    for index in 0..<size {
      let descriptor = memory + 16 * index
      let address = UInt64(UInt(bitPattern: memory + layout.buffers + index * Self.bufferSize))
      descriptor.storeBytes(of: address, as: UInt64.self)
      descriptor.storeBytes(of: UInt32(Self.bufferSize), toByteOffset: 8, as: UInt32.self)
      descriptor.storeBytes(of: direction == .receive ? Self.deviceWrites : 0, toByteOffset: 12, as: UInt16.self)
    }
  }

  enum Direction { case receive, transmit }

  /// Addresses for the device's registers.
  var descriptorArea: UInt64 { UInt64(UInt(bitPattern: memory)) }
  var driverArea: UInt64 { descriptorArea + UInt64(layout.available) }
  var deviceArea: UInt64 { descriptorArea + UInt64(layout.used) }

  func buffer(_ index: Int) -> UnsafeMutableRawBufferPointer {
    precondition(index >= 0 && index < size)
    return UnsafeMutableRawBufferPointer(
      start: memory + layout.buffers + index * Self.bufferSize, count: Self.bufferSize)
  }

  /// Hands buffer `index` to the device, `count` bytes of it.
  mutating func publish(_ index: Int, count: Int) {
    precondition(index >= 0 && index < size && count <= Self.bufferSize)
    (memory + 16 * index).storeBytes(of: UInt32(count), toByteOffset: 8, as: UInt32.self)
    let slot = layout.available + 4 + 2 * (Int(published) & (size - 1))
    memory.storeBytes(of: UInt16(index), toByteOffset: slot, as: UInt16.self)
    published &+= 1
    ringIndex(layout.available).pointee.store(published, ordering: .releasing)
  }

  /// The next buffer that the device is done with, and how many bytes it wrote; nil where there is none.
  mutating func nextCompletion() -> (index: Int, count: Int)? {
    while ringIndex(layout.used).pointee.load(ordering: .acquiring) != consumed {
      let element = layout.used + 4 + 8 * (Int(consumed) & (size - 1))
      consumed &+= 1
      let index = memory.load(fromByteOffset: element, as: UInt32.self)
      let count = memory.load(fromByteOffset: element + 4, as: UInt32.self)
      if index < UInt32(size), count <= UInt32(Self.bufferSize) { return (Int(index), Int(count)) }
      violations += 1
    }
    return nil
  }

  /// The 16-bit index two bytes into the available or the used ring.
  private func ringIndex(_ ring: Int) -> UnsafeMutablePointer<Atomic<UInt16>> {
    (memory + ring + 2).assumingMemoryBound(to: Atomic<UInt16>.self)
  }
}
