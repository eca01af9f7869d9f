import CAddressService
import Glibc
import HostSystem
import Household
import Wire

/// The sockets of one network: UDP port 67 on its interface, and a packet socket for what needs whole frames.
///
/// Only DHCP wakes the process: the UDP socket is bound to port and interface, and the packet socket's filter in the kernel
/// passes ARP answers while probes wait and nothing otherwise.
final class DHCPPort {
  let network: String
  let device: String
  /// Called with each batch: its datagrams, and the buffer that holds them.
  var onDatagrams: ((ArraySlice<lares_dhcp_datagram>, RawSpan) -> Void)?
  /// The interface has gone or is down.
  var onFailure: (() -> Void)? {
    didSet { frames.onFailure = onFailure }
  }
  /// Whether answers to `ask(about:)` are wanted.
  var listensForAnswers = false {
    didSet { frames.isListening = listensForAnswers }
  }

  private let interfaceIndex: UInt32
  private let hardware: MACAddress
  private let datagrams: Descriptor
  private let frames: PacketSocket
  private var watch: EventLoop.Watch?
  /// Where batches are received. Not an array, because the kernel writes to it while nobody else may look.
  private let buffer: UnsafeMutableBufferPointer<UInt8>
  private var headers = [lares_dhcp_datagram](repeating: lares_dhcp_datagram(), count: Int(LARES_DHCP_BATCH))

  /// - Parameter onAnswer: called with each answer to `ask(about:)`: who has the address.
  init(
    network: String, device: String, loop: EventLoop, onAnswer: @escaping (IPv4Address, MACAddress) -> Void
  ) throws(SystemError) {
    self.network = network
    self.device = device
    interfaceIndex = if_nametoindex(device)
    guard interfaceIndex != 0 else { throw SystemError("finding interface \(device)", code: ENODEV) }
    frames = try PacketSocket(
      interface: Int32(bitPattern: interfaceIndex), named: device, filter: .arpReplies, loop: loop
    ) { frame, _ in
      if let answer = ARPProbe.answer(in: frame) { onAnswer(answer.address, answer.hardware) }
    }
    frames.isListening = false
    hardware = try frames.hardware
    datagrams = Descriptor(owning: try systemCall("listening on \(device), UDP port 67") { lares_dhcp_socket(device) })
    buffer = .allocate(capacity: Int(LARES_DHCP_BATCH * LARES_DHCP_STRIDE))
    buffer.initialize(repeating: 0)
    watch = try loop.watch(datagrams.number) { [weak self] _ in self?.receive() }
  }

  deinit {
    close()
    buffer.deallocate()
  }

  /// Stops listening. The descriptors close with the object.
  func close() {
    watch?.cancel()
    watch = nil
    frames.close()
  }

  /// Whether the name still means the interface that the sockets are bound to.
  var isCurrent: Bool { if_nametoindex(device) == interfaceIndex }

  // MARK: Receiving

  /// One batch for each call, so that what it changes is one write; what is left makes the descriptor ready again.
  private func receive() {
    let count = lares_dhcp_receive(datagrams.number, &headers, buffer.baseAddress)
    guard count > 0 else { return }
    onDatagrams?(headers.prefix(Int(count)), RawSpan(_unsafeElements: UnsafeBufferPointer(buffer)))
  }

  // MARK: Sending

  /// Sends what it can; returns how many replies could not be sent.
  func send(_ replies: [DHCPReply]) -> Int {
    var buffer: [UInt8] = []
    var headers: [lares_dhcp_datagram] = []
    var failures = 0
    for reply in replies {
      if case .hardware(let hardware, let address) = reply.destination {
        failures += sendFrame(reply, to: hardware, address) ? 0 : 1
        continue
      }
      let (remote, port) = reply.destination.socketAddress
      headers.append(
        lares_dhcp_datagram(
          local: reply.source.value, remote: remote.value, remote_port: port,
          length: UInt16(clamping: reply.message.count),
          offset: UInt32(buffer.count)))
      buffer += reply.message
    }
    return failures + sendDatagrams(headers, buffer)
  }

  private func sendDatagrams(_ headers: [lares_dhcp_datagram], _ buffer: [UInt8]) -> Int {
    var failures = 0
    var start = 0
    while start < headers.count {
      let sent = headers[start...].withUnsafeBufferPointer {
        lares_dhcp_send(datagrams.number, $0.baseAddress, buffer, Int32($0.count))
      }
      if sent > 0 {
        start += Int(sent)
      } else if errno != EINTR {
        // The one that failed is left out; its client asks again.
        failures += 1
        start += 1
      }
    }
    return failures
  }

  private func sendFrame(_ reply: DHCPReply, to hardware: MACAddress, _ address: IPv4Address) -> Bool {
    let frame = UDPv4Frame(
      source: self.hardware, destination: hardware, sourceAddress: reply.source, destinationAddress: address,
      sourcePort: DHCPv4.serverPort, destinationPort: DHCPv4.clientPort
    ).encoded(payload: reply.message.span.bytes)
    guard let frame else { return false }
    return (try? frames.send(frame)) != nil
  }

  /// Asks by ARP who has the address. Answers come while `listensForAnswers` is on.
  func ask(about address: IPv4Address) { try? frames.send(ARPProbe.question(about: address, from: hardware)) }
}

extension DHCPReply.Destination {
  /// For what goes through UDP.
  fileprivate var socketAddress: (IPv4Address, UInt16) {
    switch self {
    case .broadcast, .hardware: (.broadcast, DHCPv4.clientPort)
    case .client(let address): (address, DHCPv4.clientPort)
    case .relay(let address): (address, DHCPv4.serverPort)
    }
  }
}

/// The question of RFC 5227 section 2.1.1 and its answer, as Ethernet frames.
enum ARPProbe {
  /// Shorter frames need not be carried (IEEE 802.3).
  private static let minimumFrame = 60

  static func question(about address: IPv4Address, from hardware: MACAddress) -> [UInt8] {
    var frame = [UInt8](repeating: 0, count: minimumFrame)
    var buffer = frame.mutableSpan
    var writer = PacketWriter(buffer.mutableBytes)
    EthernetHeader(destination: .broadcast, source: hardware, type: .arp).emit(into: &writer)
    ARPMessage.probe(address, from: hardware).emit(into: &writer)
    return frame
  }

  /// The address and its holder; nil where the frame is no ARP answer.
  static func answer(in frame: RawSpan) -> (address: IPv4Address, hardware: MACAddress)? {
    guard let frame = EthernetFrame(frame), frame.header.type == .arp, let message = ARPMessage(frame.payload),
      message.operation == .reply
    else { return nil }
    return (message.sender, message.senderHardware)
  }
}
