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
  /// An ARP answer: who has the address.
  var onAnswer: ((IPv4Address, MACAddress) -> Void)?
  /// The interface has gone or is down.
  var onFailure: (() -> Void)?

  private let interfaceIndex: UInt32
  private let hardware: MACAddress
  private let datagrams: Descriptor
  private let frames: Descriptor
  private var watches: [EventLoop.Watch] = []
  /// Where batches are received. Not an array, because the kernel writes to it while nobody else may look.
  private let buffer: UnsafeMutableBufferPointer<UInt8>
  private var headers = [lares_dhcp_datagram](repeating: lares_dhcp_datagram(), count: Int(LARES_DHCP_BATCH))

  init(network: String, device: String, loop: EventLoop) throws(SystemError) {
    self.network = network
    self.device = device
    interfaceIndex = if_nametoindex(device)
    guard interfaceIndex != 0 else { throw SystemError("finding interface \(device)", code: ENODEV) }
    let index = interfaceIndex
    frames = Descriptor(
      owning: try systemCall("opening a packet socket on \(device)") { lares_dhcp_packet_socket(index) })
    var address: UInt64 = 0
    let packets = frames.number
    try systemCall("reading the hardware address of \(device)") { lares_packet_hardware(packets, &address) }
    hardware = MACAddress(value: address)
    datagrams = Descriptor(owning: try systemCall("listening on \(device), UDP port 67") { lares_dhcp_socket(device) })
    buffer = .allocate(capacity: Int(LARES_DHCP_BATCH * LARES_DHCP_STRIDE))
    buffer.initialize(repeating: 0)
    watches = [
      try loop.watch(datagrams.number) { [weak self] _ in self?.receive() },
      try loop.watch(frames.number) { [weak self] events in self?.receiveAnswers(events) },
    ]
  }

  deinit {
    close()
    buffer.deallocate()
  }

  /// Stops listening. The descriptors close with the object.
  func close() {
    for watch in watches { watch.cancel() }
    watches = []
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

  private func receiveAnswers(_ events: EventLoop.Events) {
    var frame = [UInt8](repeating: 0, count: 64)
    while true {
      let count = recv(frames.number, &frame, frame.count, 0)
      guard count >= 0 else { break }
      if let answer = ARPProbe.answer(in: frame.span.bytes.extracting(0..<count)) {
        onAnswer?(answer.address, answer.hardware)
      }
    }
    if events.contains(.closed) { onFailure?() }
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
    return Glibc.send(frames.number, frame, frame.count, 0) == frame.count
  }

  /// Asks by ARP who has the address. Answers come while `listensForAnswers` is on.
  func ask(about address: IPv4Address) {
    let frame = ARPProbe.question(about: address, from: hardware)
    _ = Glibc.send(frames.number, frame, frame.count, 0)
  }

  var listensForAnswers = false {
    didSet { if listensForAnswers != oldValue { lares_packet_listen(frames.number, listensForAnswers ? 1 : 0) } }
  }
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
