import CNetlinkShims
import Glibc
public import Wire

/// One packet that a `log group N` rule of the packet filter has reported (NFULNL_MSG_PACKET).
public struct LoggedPacket: Sendable, Equatable {
  /// The group that the rule named.
  public var group: UInt16
  /// EtherType: 0x0800 IPv4, 0x86dd IPv6.
  public var etherType: UInt16
  /// NF_INET_…: 0 prerouting, 1 input, 2 forward, 3 output, 4 postrouting.
  public var hook: UInt8
  /// The rule's text.
  public var prefix: String
  /// Index of the interface that the packet came in by.
  public var input: Int32?
  /// Index of the interface that it would leave by.
  public var output: Int32?
  /// The port of a bridge that it came in by.
  public var bridgeInput: Int32?
  /// The port of a bridge that it would leave by.
  public var bridgeOutput: Int32?
  /// Who sent it, on the link.
  public var hardware: MACAddress?
  /// The mark that rules gave it.
  public var mark: UInt32
  /// When it came, in nanoseconds since 1970; nil where the kernel did not say.
  public var nanoseconds: Int64?
  /// Its beginning, from the IP header on, as far as the log copies it.
  public var payload: [UInt8]

  /// Reads an NFULNL_MSG_PACKET; nil for any other message or one without its packet header.
  public init?(_ message: borrowing Message) {
    guard message.type == PacketLog.type(NFULNL_MSG_PACKET.rawValue),
      let group: UInt16 = message.payload.number(at: 2)
    else { return nil }
    self.init(group: UInt16(bigEndian: group))
    var hasHeader = false
    var attributes = message.attributes(after: 4)
    while let attribute = attributes.next() {
      if attribute.type == Int(NFULA_PACKET_HDR.rawValue), let type = attribute.bigEndian(UInt16.self),
        let hook: UInt8 = attribute.payload.number(at: 2)
      {
        (etherType, self.hook, hasHeader) = (type, hook, true)
      } else {
        read(attribute)
      }
    }
    guard hasHeader else { return nil }
  }

  private init(group: UInt16) {
    self.group = group
    etherType = 0
    hook = 0
    prefix = ""
    mark = 0
    payload = []
  }

  private mutating func read(_ attribute: borrowing Attribute) {
    switch attribute.type {
    case Int(NFULA_PREFIX.rawValue): prefix = attribute.text
    case Int(NFULA_IFINDEX_INDEV.rawValue): input = attribute.bigEndian()
    case Int(NFULA_IFINDEX_OUTDEV.rawValue): output = attribute.bigEndian()
    case Int(NFULA_IFINDEX_PHYSINDEV.rawValue): bridgeInput = attribute.bigEndian()
    case Int(NFULA_IFINDEX_PHYSOUTDEV.rawValue): bridgeOutput = attribute.bigEndian()
    case Int(NFULA_MARK.rawValue): mark = attribute.bigEndian() ?? 0
    case Int(NFULA_PAYLOAD.rawValue): payload = attribute.payload.array
    case Int(NFULA_HWADDR.rawValue): hardware = Self.hardware(attribute.payload)
    case Int(NFULA_TIMESTAMP.rawValue): nanoseconds = Self.nanoseconds(attribute.payload)
    default: break
    }
  }

  /// struct nfulnl_msg_packet_hw: a 16-bit length, two unused bytes, the address.
  private static func hardware(_ payload: RawSpan) -> MACAddress? {
    guard let length: UInt16 = payload.number(at: 0), UInt16(bigEndian: length) == 6, payload.byteCount >= 10 else {
      return nil
    }
    var reader = ByteReader(payload.extracting(4..<10))
    return reader.readMACAddress()
  }

  /// struct nfulnl_msg_packet_timestamp: seconds and microseconds.
  private static func nanoseconds(_ payload: RawSpan) -> Int64? {
    guard let seconds: Int64 = payload.number(at: 0), let micros: Int64 = payload.number(at: 8) else { return nil }
    let (whole, tooLate) = Int64(bigEndian: seconds).multipliedReportingOverflow(by: 1_000_000_000)
    let (part, tooMany) = Int64(bigEndian: micros).multipliedReportingOverflow(by: 1_000)
    let (sum, tooMuch) = whole.addingReportingOverflow(part)
    return tooLate || tooMany || tooMuch ? nil : sum
  }
}

/// Receives what the rules of one network namespace log to one NFLOG group. Only one socket at a time can have a group.
public final class PacketLog {
  private let socket: NetlinkSocket
  /// Times that the kernel had to drop reports because nobody read them in time.
  public private(set) var overruns = 0

  /// - Parameters:
  ///   - group: The number in `log group N`, 0 to 65,535.
  ///   - copyBytes: How much of each packet to have, from its IP header on; 0: nothing of it.
  public init(group: UInt16, copyBytes: UInt32 = 128) throws(NetlinkError) {
    // Binding waits for the kernel's answer; only then may reading not block.
    socket = try NetlinkSocket(.netfilter)
    socket.setReceiveBuffer(bytes: 1 << 20)
    do throws(NetlinkError) {
      try socket.perform(.bindLog(group: group))
    } catch {
      // The kernel says EPERM both for a missing capability and for a group that is taken.
      let isAmbiguous = error.code == EPERM && error.kernelText == nil
      throw NetlinkError(
        code: error.code, attempt: error.attempt,
        kernelText: isAmbiguous ? "another program may have the group already" : error.kernelText)
    }
    try socket.perform(.configureLog(group: group, copyBytes: copyBytes))
    let descriptor = socket.fileDescriptor
    guard fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) == 0 else {
      throw .current("switching log group \(group) to non-blocking")
    }
  }

  /// For an event loop to watch.
  public var fileDescriptor: Int32 { socket.fileDescriptor }

  /// What was logged since the last call, oldest first, at most about `limit` reports; never waits.
  public func packets(limit: Int = 1_000) throws(NetlinkError) -> [LoggedPacket] {
    var packets: [LoggedPacket] = []
    while packets.count < limit {
      do throws(NetlinkError) {
        let isDatagram = try socket.receive(attempt: "reading the packet log") { message in
          if let packet = LoggedPacket(message) { packets.append(packet) }
        }
        guard isDatagram else { break }
      } catch  where error.code == ENOBUFS || error.code == ENOSPC {
        overruns += 1
      }
    }
    return packets
  }

  /// nlmsg_type of an nfnetlink_log message.
  static func type(_ message: UInt32) -> UInt16 {
    UInt16(NFNL_SUBSYS_ULOG) << 8 | UInt16(truncatingIfNeeded: message)
  }
}

extension NetlinkRequest {
  /// Takes a log group for the socket that sends this; fails with EPERM where another has it.
  static func bindLog(group: UInt16) -> NetlinkRequest {
    log(group, "taking packet log group \(group)") { message in
      message.put(Int(NFULA_CFG_CMD.rawValue), UInt8(NFULNL_CFG_CMD_BIND.rawValue))
    }
  }

  /// Reports are sent one by one and at once, each with the first `copyBytes` of its packet.
  static func configureLog(group: UInt16, copyBytes: UInt32) -> NetlinkRequest {
    log(group, "configuring packet log group \(group)") { message in
      // struct nfulnl_msg_config_mode: range in network byte order, mode, one unused byte.
      let mode = UInt8(copyBytes == 0 ? NFULNL_COPY_META : NFULNL_COPY_PACKET)
      message.put(
        Int(NFULA_CFG_MODE.rawValue), withUnsafeBytes(of: copyBytes.bigEndian) { Array($0) } + [mode, 0])
      message.put(Int(NFULA_CFG_QTHRESH.rawValue), bigEndian: UInt32(1))
      message.put(Int(NFULA_CFG_TIMEOUT.rawValue), bigEndian: UInt32(1))
    }
  }

  private static func log(
    _ group: UInt16, _ attempt: String, _ body: (inout MessageWriter) -> Void
  ) -> NetlinkRequest {
    NetlinkRequest(type: Int(PacketLog.type(NFULNL_MSG_CONFIG.rawValue)), attempt: attempt) { message in
      message.netfilterHeader(nil, resource: group)
      body(&message)
    }
  }
}
