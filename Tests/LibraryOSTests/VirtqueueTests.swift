import Testing

@testable import LibraryOS

/// The device's side of a queue, through the addresses that the driver gives it (virtio 1.2 section 2.7).
private struct ScriptedDevice {
  let available: UnsafeMutableRawPointer
  let used: UnsafeMutableRawPointer
  let descriptors: UnsafeMutableRawPointer
  let size: Int
  var completed: UInt16 = 0

  init(_ queue: borrowing Virtqueue) {
    descriptors = UnsafeMutableRawPointer(bitPattern: UInt(queue.descriptorArea))!
    available = UnsafeMutableRawPointer(bitPattern: UInt(queue.driverArea))!
    used = UnsafeMutableRawPointer(bitPattern: UInt(queue.deviceArea))!
    size = queue.size
  }

  /// How many buffers the driver has ever published, modulo 65536.
  var published: UInt16 { available.load(fromByteOffset: 2, as: UInt16.self) }

  func publishedBuffer(_ position: Int) -> Int {
    Int(available.load(fromByteOffset: 4 + 2 * (position % size), as: UInt16.self))
  }

  func length(_ index: Int) -> Int { Int(descriptors.load(fromByteOffset: 16 * index + 8, as: UInt32.self)) }

  func isWritable(_ index: Int) -> Bool { descriptors.load(fromByteOffset: 16 * index + 12, as: UInt16.self) == 2 }

  mutating func complete(_ index: UInt32, _ count: UInt32) {
    let element = 4 + 8 * (Int(completed) % size)
    used.storeBytes(of: index, toByteOffset: element, as: UInt32.self)
    used.storeBytes(of: count, toByteOffset: element + 4, as: UInt32.self)
    completed &+= 1
    used.storeBytes(of: completed, toByteOffset: 2, as: UInt16.self)
  }
}

@Suite struct VirtqueueTests {
  @Test func areasAreAligned_2_7() {
    for shift in 0...8 {
      let queue = Virtqueue(size: 1 << shift, direction: .receive)
      #expect(queue.descriptorArea % 16 == 0 && queue.driverArea % 2 == 0 && queue.deviceArea % 4 == 0)
      #expect(queue.driverArea - queue.descriptorArea >= 16 * queue.size)
      #expect(Int(queue.deviceArea - queue.driverArea) >= 6 + 2 * queue.size)
    }
  }

  @Test func directionIsInTheDescriptor_2_7_5() {
    let receive = Virtqueue(size: 4, direction: .receive)
    let transmit = Virtqueue(size: 4, direction: .transmit)
    #expect(ScriptedDevice(receive).isWritable(3))
    #expect(!ScriptedDevice(transmit).isWritable(3))
  }

  /// The 16-bit indices wrap, and nothing is lost.
  @Test func buffersComeBackAcrossTheWrap() {
    var queue = Virtqueue(size: 4, direction: .transmit)
    var device = ScriptedDevice(queue)
    for round in 0..<70_000 {
      let index = round % 4
      queue.publish(index, count: 60 + index)
      guard device.published == UInt16(truncatingIfNeeded: round + 1), device.publishedBuffer(round) == index,
        device.length(index) == 60 + index
      else {
        Issue.record("round \(round)")
        return
      }
      device.complete(UInt32(index), 0)
      let completion = queue.nextCompletion()
      #expect(completion?.index == index && completion?.count == 0)
      #expect(queue.nextCompletion() == nil)
    }
    #expect(queue.violations == 0)
  }

  @Test func aBrokenDeviceIsCounted() {
    var queue = Virtqueue(size: 4, direction: .receive)
    var device = ScriptedDevice(queue)
    device.complete(4, 60)
    #expect(queue.nextCompletion() == nil)
    device.complete(.max, 60)
    device.complete(0, UInt32(Virtqueue.bufferSize) + 1)
    device.complete(1, .max)
    device.complete(3, UInt32(Virtqueue.bufferSize))
    let completion = queue.nextCompletion()
    #expect(completion?.index == 3 && completion?.count == Virtqueue.bufferSize)
    #expect(queue.nextCompletion() == nil)
    #expect(queue.violations == 4)
  }
}
