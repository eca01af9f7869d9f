#if hasFeature(Embedded)
  internal import _Volatile

  /// The register window of a virtio device over MMIO, version 2 (virtio 1.2 section 4.2.2).
  struct VirtioTransport {
    private static let magic: UInt32 = 0x7472_6976
    private static let acknowledge: UInt32 = 1
    private static let driver: UInt32 = 2
    private static let driverOK: UInt32 = 4
    private static let featuresOK: UInt32 = 8
    /// VIRTIO_F_VERSION_1, as a bit of the second feature word.
    private static let version1: UInt32 = 1 << 0

    private enum Register: UInt {
      case magic = 0x000
      case version = 0x004
      case deviceID = 0x008
      case deviceFeatures = 0x010
      case deviceFeaturesSelect = 0x014
      case driverFeatures = 0x020
      case driverFeaturesSelect = 0x024
      case queueSelect = 0x030
      case queueSizeMax = 0x034
      case queueSize = 0x038
      case queueReady = 0x044
      case queueNotify = 0x050
      case interruptStatus = 0x060
      case interruptAcknowledge = 0x064
      case status = 0x070
      case queueDescriptorLow = 0x080
      case queueDescriptorHigh = 0x084
      case queueDriverLow = 0x090
      case queueDriverHigh = 0x094
      case queueDeviceLow = 0x0a0
      case queueDeviceHigh = 0x0a4
      case configuration = 0x100
    }

    let device: MMIODevice
    /// The kind of device (section 5); 0 is an empty slot.
    let deviceID: UInt32

    /// Nil where no version 2 device answers at the address.
    init?(_ device: MMIODevice) {
      self.device = device
      guard Self.load(device, .magic) == Self.magic, Self.load(device, .version) == 2 else { return nil }
      deviceID = Self.load(device, .deviceID)
    }

    /// Resets the device and agrees on `wanted`, a subset of the first feature word (section 3.1.1). False where the
    /// device lacks one of them or is no version 1 device.
    func negotiate(_ wanted: UInt32) -> Bool {
      store(.status, 0)
      store(.status, Self.acknowledge)
      store(.status, Self.acknowledge | Self.driver)
      store(.deviceFeaturesSelect, 0)
      let low = load(.deviceFeatures)
      store(.deviceFeaturesSelect, 1)
      let high = load(.deviceFeatures)
      guard low & wanted == wanted, high & Self.version1 != 0 else { return false }
      store(.driverFeaturesSelect, 0)
      store(.driverFeatures, wanted)
      store(.driverFeaturesSelect, 1)
      store(.driverFeatures, Self.version1)
      store(.status, load(.status) | Self.featuresOK)
      return load(.status) & Self.featuresOK != 0
    }

    /// Entries that queue `number` may have; 0 where it does not exist.
    func queueSizeMax(_ number: UInt32) -> Int {
      store(.queueSelect, number)
      return Int(load(.queueSizeMax))
    }

    func attach(_ queue: borrowing Virtqueue, as number: UInt32) {
      store(.queueSelect, number)
      store(.queueSize, UInt32(queue.size))
      store(.queueDescriptorLow, .queueDescriptorHigh, queue.descriptorArea)
      store(.queueDriverLow, .queueDriverHigh, queue.driverArea)
      store(.queueDeviceLow, .queueDeviceHigh, queue.deviceArea)
      store(.queueReady, 1)
    }

    /// The device may use its queues from now on.
    func start() { store(.status, load(.status) | Self.driverOK) }

    func notify(_ queue: UInt32) { store(.queueNotify, queue) }

    /// Takes back the interrupt line, so that the next event raises it again.
    func acknowledgeInterrupt() {
      let status = load(.interruptStatus)
      if status != 0 { store(.interruptAcknowledge, status) }
    }

    /// One byte of the device's configuration space.
    func configuration(_ offset: UInt) -> UInt8 {
      VolatileMappedRegister<UInt8>(unsafeBitPattern: device.base + Register.configuration.rawValue + offset).load()
    }

    private static func load(_ device: MMIODevice, _ register: Register) -> UInt32 {
      VolatileMappedRegister<UInt32>(unsafeBitPattern: device.base + register.rawValue).load()
    }

    private func load(_ register: Register) -> UInt32 { Self.load(device, register) }

    private func store(_ register: Register, _ value: UInt32) {
      VolatileMappedRegister<UInt32>(unsafeBitPattern: device.base + register.rawValue).store(value)
    }

    private func store(_ low: Register, _ high: Register, _ address: UInt64) {
      store(low, UInt32(truncatingIfNeeded: address))
      store(high, UInt32(truncatingIfNeeded: address >> 32))
    }
  }
#endif
