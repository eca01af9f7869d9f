import CNameService
import Glibc
import HostSystem
import Household
import TestSupport
import Wire

@testable import NameService

/// A name service under test on a free port of the loopback addresses; its loop runs on the test's thread while it waits.
final class LoopbackService {
  let folder: TemporaryFolder
  let loop: EventLoop
  let daemon: NameDaemon
  var model = HouseholdModel(
    domain: name("home.arpa"),
    networks: [Network(name: "home", interfaces: ["lan0"], addresses: [InterfaceAddress("127.0.77.1/24")!])])

  /// - Parameter folder: an earlier run's, to take its cache over.
  init(
    upstreams: [UInt16], folder: TemporaryFolder? = nil, port: UInt16 = 0, cores: Int = 2,
    _ change: (inout HouseholdModel) -> Void = { _ in }
  ) throws {
    let folder = try folder ?? TemporaryFolder()
    self.folder = folder
    loop = try EventLoop()
    daemon = try NameDaemon(
      folders: folder.folders, loop: loop, log: Log(daemon: "names", minimum: .error),
      options: NameDaemon.Options(port: port, cores: cores))
    model.names.upstreams = upstreams.map { SocketAddress(.v4(.loopback), port: $0) }
    change(&model)
    daemon.apply(model: model, commit: 1, configurationFolder: folder.path)
  }

  deinit { daemon.stop() }

  /// Runs the daemon's loop until something holds, at most ten seconds.
  func wait(until holds: () -> Bool) throws -> Bool {
    let deadline = Clock.now.advanced(milliseconds: 10_000)
    while !holds() {
      if Clock.now > deadline { return false }
      try loop.runOnce(limitMilliseconds: 20)
    }
    return true
  }
}

/// A socket that asks a name service, connected: what comes from another address than the one asked is not heard.
final class LoopbackClient {
  private let descriptor: Descriptor
  private let isStream: Bool
  private var buffered: [UInt8] = []

  init(_ server: String = "127.0.0.1", port: UInt16, isStream: Bool = false) throws {
    let number = address(server).withNetworkBytes { bytes, length in
      isStream ? lares_tcp_connect(bytes, length, port) : lares_udp_connect(bytes, length, port, 0)
    }
    descriptor = Descriptor(owning: try systemCall("connecting to \(server)") { number })
    self.isStream = isStream
    if isStream { _ = wait(for: Int16(POLLOUT), milliseconds: 1_000) }
  }

  static func query(
    _ text: String, _ type: DNSType = .a, identifier: UInt16 = 1, payload: UInt16? = 1232, dnssec: Bool = false
  ) -> [UInt8] {
    DNSOutgoingQuery(
      identifier: identifier, name: DomainName(text)!, type: type, flags: .recursionDesired, payloadSize: payload,
      wantsDNSSEC: dnssec
    ).bytes
  }

  func send(_ message: [UInt8]) {
    let bytes = isStream ? [UInt8(message.count >> 8), UInt8(message.count & 255)] + message : message
    _ = lares_stream_send(descriptor.number, bytes, UInt64(bytes.count))
  }

  /// The octets as they are, without a length in front.
  func sendRaw(_ bytes: [UInt8]) { _ = lares_stream_send(descriptor.number, bytes, UInt64(bytes.count)) }

  /// The next message; nil where none comes in time or the connection ends.
  func receive(milliseconds: Int32 = 4_000) -> [UInt8]? {
    while true {
      if isStream, buffered.count >= 2 {
        let end = 2 + Int(buffered[0]) << 8 + Int(buffered[1])
        if buffered.count >= end {
          defer { buffered.removeFirst(end) }
          return Array(buffered[2..<end])
        }
      }
      guard wait(for: Int16(POLLIN), milliseconds: milliseconds) else { return nil }
      var room = [UInt8](repeating: 0, count: 65_536)
      let count = lares_receive(descriptor.number, &room, UInt64(room.count))
      guard count > 0 else { return nil }
      if !isStream { return Array(room[..<count]) }
      buffered += room[..<count]
    }
  }

  /// True where the other side has closed.
  func isClosed(milliseconds: Int32) -> Bool {
    var byte: UInt8 = 0
    return wait(for: Int16(POLLIN), milliseconds: milliseconds) && lares_receive(descriptor.number, &byte, 1) <= 0
  }

  func ask(_ message: [UInt8]) -> [UInt8]? {
    send(message)
    return receive()
  }

  private func wait(for events: Int16, milliseconds: Int32) -> Bool {
    var ready = pollfd(fd: descriptor.number, events: events, revents: 0)
    return poll(&ready, 1, milliseconds) == 1
  }
}

/// Header and counts of an answer, for expectations.
struct Seen: Equatable {
  var code: UInt16
  var answers = 0
  var isTruncated = false

  init(code: UInt16, answers: Int = 0, isTruncated: Bool = false) {
    self.code = code
    self.answers = answers
    self.isTruncated = isTruncated
  }

  init?(_ bytes: [UInt8]?) {
    guard let bytes, let message = DNSMessage(bytes.span.bytes) else { return nil }
    self.init(
      code: message.flags.code, answers: message.answerCount, isTruncated: message.flags.contains(.truncated))
  }
}

/// An upstream whose answers the test gives by hand.
final class ManualUpstream {
  let port: UInt16
  private let descriptor: Descriptor
  private let batch = lares_batch_create()!
  /// Names asked, in lower case.
  private(set) var asked: [String] = []

  init() throws {
    descriptor = Descriptor(owning: try systemCall("listening on a free port") { lares_udp_listen(4, 0) })
    port = lares_local_port(descriptor.number)
  }

  deinit { lares_batch_destroy(batch) }

  /// Takes queries for a while, and answers them with `reply` once the time is over.
  func serve(milliseconds: Int64, _ reply: ScriptedReply) {
    let deadline = Clock.now.advanced(milliseconds: milliseconds)
    var waiting: [(lares_endpoint, [UInt8])] = []
    while Clock.now < deadline {
      for index in 0..<max(0, Int(lares_batch_receive(batch, descriptor.number))) {
        let length = Int(lares_batch_length(batch, Int32(index)))
        let start = batch.pointee.datagrams + index * Int(LARES_SLOT_SIZE)
        let bytes = Array(UnsafeBufferPointer(start: start, count: length))
        waiting.append((batch.pointee.endpoints[index], bytes))
        if let question = DNSMessage(bytes.span.bytes)?.question { asked.append(question.name.canonical.description) }
      }
      usleep(1_000)
    }
    for (endpoint, query) in waiting {
      var endpoint = endpoint
      let bytes = reply.bytes(to: query)
      _ = lares_send_to(descriptor.number, &endpoint, bytes, UInt64(bytes.count))
    }
  }
}
