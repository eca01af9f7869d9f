import CHostSystem
import Glibc
public import Wire

/// Sends and receives whole Ethernet frames on one interface, with or without an address (packet(7)).
///
/// Only frames of one protocol are seen, and of those what the kernel filter lets through. It needs CAP_NET_RAW.
/// Frames with an 802.1Q tag belong to another interface and are dropped.
public final class PacketSocket {
  /// What the kernel lets through.
  public enum Filter: Sendable {
    /// EtherType ARP.
    case arp
    /// Of ARP the answers only.
    case arpReplies
    /// IPv4 UDP datagrams to a port; no fragments.
    case udp(port: UInt16)
    /// ICMPv6 messages of a type, without extension headers.
    case icmpv6(type: UInt8)

    /// ETH_P_…
    fileprivate var etherType: UInt16 {
      switch self {
      case .arp, .arpReplies: 0x0806
      case .udp: 0x0800
      case .icmpv6: 0x86dd
      }
    }
  }

  /// Called with each frame. `isChecksumReady` is false where a sender on the same machine left the transport checksum
  /// to hardware that is not there.
  public typealias Handler = (_ frame: RawSpan, _ isChecksumReady: Bool) -> Void

  /// The interface has gone or is down.
  public var onFailure: (() -> Void)?
  /// Whether frames are wanted now; while they are not, the kernel drops them and wakes nobody. On at first.
  public var isListening = true {
    didSet { if isListening != oldValue { listen() } }
  }

  private let descriptor: Descriptor
  private let name: String
  private let filter: Filter
  private var watch: EventLoop.Watch?
  private var buffer = [UInt8](repeating: 0, count: 65_536)
  private let handler: Handler

  /// - Parameters:
  ///   - index: the kernel's number of the interface.
  ///   - name: the interface's name, for errors.
  public init(
    interface index: Int32, named name: String, filter: Filter, loop: EventLoop, _ handler: @escaping Handler
  ) throws(SystemError) {
    let program = filter.program
    let number = try systemCall("opening a packet socket on \(name)") {
      lares_packet_socket(index, filter.etherType, program, UInt16(program.count))
    }
    descriptor = Descriptor(owning: number)
    self.name = name
    self.filter = filter
    self.handler = handler
    watch = try loop.watch(number) { [unowned self] events in
      receiveAll()
      if events.contains(.closed) { onFailure?() }
    }
  }

  deinit { watch?.cancel() }

  /// Sends a frame that begins with its Ethernet header.
  public func send(_ frame: [UInt8]) throws(SystemError) {
    try systemCall("sending a frame on \(name)") { Glibc.send(descriptor.number, frame, frame.count, 0) }
  }

  /// The interface's own Ethernet address.
  public var hardware: MACAddress {
    get throws(SystemError) {
      var address: UInt64 = 0
      try systemCall("reading the hardware address of \(name)") {
        lares_packet_hardware(descriptor.number, &address)
      }
      return MACAddress(value: address)
    }
  }

  /// Stops receiving. The handler is not called again.
  public func close() {
    watch?.cancel()
    watch = nil
  }

  private func listen() {
    let program = isListening ? filter.program : [.drop]
    // Refused only for want of memory: then frames come that nobody wants, or none, and whoever waits asks again.
    _ = lares_packet_filter(descriptor.number, program, UInt16(program.count))
  }

  private func receiveAll() {
    while watch != nil {
      var (isChecksumReady, isTagged): (Int32, Int32) = (0, 0)
      let size = UInt(buffer.count)
      let count = lares_packet_receive(descriptor.number, &buffer, size, &isChecksumReady, &isTagged)
      if count < 0 {
        if errno == EINTR { continue }
        // EAGAIN: all is read. ENETDOWN: the interface went; its owner hears of that from the kernel's link events.
        return
      }
      if isTagged == 0 { handler(buffer.span.bytes.extracting(0..<count), isChecksumReady != 0) }
    }
  }
}

extension PacketSocket.Filter {
  /// The program in classic BPF. Offsets count from the Ethernet header's first byte.
  fileprivate var program: [sock_filter] {
    switch self {
    case .arp: [.accept]
    case .arpReplies: [.loadHalf(at: 14 + 6), .jump(unless: 2, over: 1), .accept, .drop]
    case .udp(let port):
      [
        .loadByte(at: 14 + 9), .jump(unless: 17, over: 6),
        // Any fragment but the first has no ports.
        .loadHalf(at: 14 + 6), .jump(ifAnyOf: 0x1fff, over: 4),
        .loadHeaderLength(at: 14), .loadHalf(behindHeaderAt: 14 + 2), .jump(unless: UInt32(port), over: 1),
        .accept, .drop,
      ]
    case .icmpv6(let type):
      [
        .loadByte(at: 14 + 6), .jump(unless: 58, over: 3), .loadByte(at: 14 + 40), .jump(unless: UInt32(type), over: 1),
        .accept, .drop,
      ]
    }
  }
}

extension sock_filter {
  fileprivate static let accept = sock_filter(code: UInt16(BPF_RET), jt: 0, jf: 0, k: 65_535)
  fileprivate static let drop = sock_filter(code: UInt16(BPF_RET), jt: 0, jf: 0, k: 0)

  fileprivate static func loadByte(at offset: UInt32) -> sock_filter {
    sock_filter(code: UInt16(BPF_LD | BPF_B | BPF_ABS), jt: 0, jf: 0, k: offset)
  }

  fileprivate static func loadHalf(at offset: UInt32) -> sock_filter {
    sock_filter(code: UInt16(BPF_LD | BPF_H | BPF_ABS), jt: 0, jf: 0, k: offset)
  }

  /// X becomes the length of the IPv4 header that begins at `offset`.
  fileprivate static func loadHeaderLength(at offset: UInt32) -> sock_filter {
    sock_filter(code: UInt16(BPF_LDX | BPF_B | BPF_MSH), jt: 0, jf: 0, k: offset)
  }

  /// Loads two bytes at `offset` + X.
  fileprivate static func loadHalf(behindHeaderAt offset: UInt32) -> sock_filter {
    sock_filter(code: UInt16(BPF_LD | BPF_H | BPF_IND), jt: 0, jf: 0, k: offset)
  }

  fileprivate static func jump(unless value: UInt32, over count: UInt8) -> sock_filter {
    sock_filter(code: UInt16(BPF_JMP | BPF_JEQ | BPF_K), jt: 0, jf: count, k: value)
  }

  fileprivate static func jump(ifAnyOf bits: UInt32, over count: UInt8) -> sock_filter {
    sock_filter(code: UInt16(BPF_JMP | BPF_JSET | BPF_K), jt: count, jf: 0, k: bits)
  }
}
