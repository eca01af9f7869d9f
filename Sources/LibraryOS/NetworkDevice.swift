#if hasFeature(Embedded)
  public import Wire

  /// Why a guest has no network.
  public enum NetworkDeviceError: Error, CustomStringConvertible {
    /// No announced device has this hardware address.
    case notFound(MACAddress)
    /// The device lacks VIRTIO_NET_F_MAC, VIRTIO_F_VERSION_1 or a queue.
    case unsuitable
    /// The I/O APIC has no such line.
    case noInterruptLine(UInt32)

    public var description: String {
      switch self {
      case .notFound(let address): "no virtio network device has the hardware address \(address.description)"
      case .unsuitable: "the virtio network device lacks VIRTIO_NET_F_MAC, VIRTIO_F_VERSION_1 or a queue"
      case .noInterruptLine(let line): "the I/O APIC has no line \(line)"
      }
    }
  }

  /// A virtio network device (virtio 1.2 section 5.1) with one queue each way and no offloads.
  public struct NetworkDevice: ~Copyable {
    private static let deviceID: UInt32 = 1
    private static let hasHardwareAddress: UInt32 = 1 << 5
    /// Length of `virtio_net_hdr` in front of every frame (section 5.1.6).
    private static let headerLength = 12
    private static let longestFrame = 1518
    private static let queueSize = 64
    private static let receiveQueue: UInt32 = 0
    private static let transmitQueue: UInt32 = 1

    private let transport: VirtioTransport
    private var received: Virtqueue
    private var sent: Virtqueue
    /// Buffers of `sent` that the device does not hold.
    private var idle: [Int]
    public let hardwareAddress: MACAddress

    /// Opens the device among `devices` that has `hardwareAddress`.
    public init(_ hardwareAddress: MACAddress, among devices: [MMIODevice]) throws(NetworkDeviceError) {
      var found: VirtioTransport? = nil
      for device in devices {
        guard let transport = VirtioTransport(device), transport.deviceID == Self.deviceID else { continue }
        if Self.hardwareAddress(transport) == hardwareAddress { found = transport }
      }
      guard let transport = found else { throw .notFound(hardwareAddress) }
      guard transport.negotiate(Self.hasHardwareAddress) else { throw .unsuitable }
      let size = min(
        Self.queueSize, transport.queueSizeMax(Self.receiveQueue), transport.queueSizeMax(Self.transmitQueue))
      guard size > 0, size & (size - 1) == 0 else { throw .unsuitable }
      guard Interrupts.enable(line: transport.device.line) else { throw .noInterruptLine(transport.device.line) }
      self.transport = transport
      self.hardwareAddress = hardwareAddress
      received = Virtqueue(size: size, direction: .receive)
      sent = Virtqueue(size: size, direction: .transmit)
      idle = Array(0..<size)
      transport.attach(received, as: Self.receiveQueue)
      transport.attach(sent, as: Self.transmitQueue)
      transport.start()
      for index in 0..<size { received.publish(index, count: Virtqueue.bufferSize) }
      transport.notify(Self.receiveQueue)
    }

    /// Lends each waiting frame to `respond`, with room to write one frame back, which is sent where `respond` returns
    /// true. Ends when no frame waits. A frame waits while the device still holds every buffer for sending.
    ///
    /// Call it again after `Machine.sleep()`.
    public mutating func poll(_ respond: (_ frame: RawSpan, _ reply: inout PacketWriter) -> Bool) {
      transport.acknowledgeInterrupt()
      while handleBatch(respond) {}
    }

    /// Handles as many frames as the queue holds, then tells the device: answers do not wait for a flood to end.
    /// False where no frame waits or no buffer for sending is idle.
    private mutating func handleBatch(_ respond: (RawSpan, inout PacketWriter) -> Bool) -> Bool {
      reclaim()
      var handled = 0
      let idleBefore = idle.count
      while handled < received.size, let reply = idle.last, let (index, count) = received.nextCompletion() {
        handled += 1
        if count > Self.headerLength {
          let frame = UnsafeRawBufferPointer(rebasing: received.buffer(index)[Self.headerLength..<count])
          fill(reply) { writer in respond(frame.bytes, &writer) }
        }
        received.publish(index, count: Virtqueue.bufferSize)
      }
      if handled > 0 { transport.notify(Self.receiveQueue) }
      if idle.count < idleBefore { transport.notify(Self.transmitQueue) }
      return handled == received.size
    }

    /// Sends the frame that `write` writes, where it returns true. False where nothing was sent: `write` had no frame,
    /// it did not fit, or the device holds every buffer.
    @discardableResult
    public mutating func transmit(_ write: (_ frame: inout PacketWriter) -> Bool) -> Bool {
      reclaim()
      guard let index = idle.last, fill(index, write) else { return false }
      transport.notify(Self.transmitQueue)
      return true
    }

    /// Publishes the last idle buffer, `index`, where `write` made a frame in it.
    @discardableResult
    private mutating func fill(_ index: Int, _ write: (inout PacketWriter) -> Bool) -> Bool {
      let buffer = UnsafeMutableRawBufferPointer(
        rebasing: sent.buffer(index)[..<(Self.headerLength + Self.longestFrame)])
      for offset in 0..<Self.headerLength { buffer[offset] = 0 }
      var writer = PacketWriter(UnsafeMutableRawBufferPointer(rebasing: buffer[Self.headerLength...]).mutableBytes)
      guard write(&writer), let count = writer.finishedCount, count > 0 else { return false }
      idle.removeLast()
      sent.publish(index, count: Self.headerLength + count)
      return true
    }

    private mutating func reclaim() {
      while let (index, _) = sent.nextCompletion(), idle.count < sent.size { idle.append(index) }
    }

    private static func hardwareAddress(_ transport: VirtioTransport) -> MACAddress {
      var value: UInt64 = 0
      for offset in 0..<6 as Range<UInt> { value = value << 8 | UInt64(transport.configuration(offset)) }
      return MACAddress(value: value)
    }
  }
#endif
