import CLdns
import Glibc
import HostSystem
import Household
import TestSupport
import Wire

@testable import NameService

/// A name service that runs on loopback addresses, with a scripted upstream, all driven by the test's own thread.
///
/// ```
/// home 127.0.77.0/24 ─┐
///                     ├─ 127.0.77.1 / 127.0.78.1, the name service ── 127.0.0.1, the upstream (this object)
/// guest 127.0.78.0/24 ┘
/// ```
final class ServedHousehold {
  /// What a client got, as libldns reads it.
  struct Answer: Equatable {
    var code: UInt32
    var isAuthoritative: Bool
    var answers: [String]
    var authority: [String]
    /// Extended DNS Error (RFC 8914): INFO-CODE and EXTRA-TEXT.
    var error: UInt16?
    var errorText = ""
  }

  let folder: TemporaryFolder
  private(set) var model: HouseholdModel
  private let loop: EventLoop
  private let daemon: NameDaemon
  private let upstream: Descriptor
  /// What the upstream says, by name in lower case: records' type and data.
  var internet: [String: [(type: DNSType, data: [UInt8])]] = [:]
  /// The TTL of what the upstream says, in seconds.
  var lifetime: UInt32 = 300
  /// The upstream hears and says nothing.
  var isUpstreamSilent = false
  /// Names that the upstream was asked, in lower case.
  private(set) var askedUpstream: [String] = []
  private var commit = 0

  init(_ change: (inout HouseholdModel) -> Void = { _ in }) throws {
    folder = try TemporaryFolder()
    upstream = try Self.socket(boundTo: IPv4Address.loopback)
    var model = HouseholdModel(
      domain: name("home.arpa"),
      networks: [
        Network(name: "home", interfaces: ["lan0"], addresses: [InterfaceAddress("127.0.77.1/24")!]),
        Network(name: "guest", interfaces: ["lan1"], addresses: [InterfaceAddress("127.0.78.1/24")!], isolated: true),
      ])
    model.names.upstreams = [SocketAddress(.v4(.loopback), port: try Self.port(of: upstream))]
    change(&model)
    self.model = model
    loop = try EventLoop()
    daemon = try NameDaemon(
      folders: folder.folders, loop: loop, log: Log(daemon: "names", minimum: .error),
      options: NameDaemon.Options(port: 0, cores: 2))
  }

  deinit { daemon.stop() }

  /// Writes a blocklist next to the configuration.
  func write(_ text: String, to file: String) throws {
    try File.replace(folder.path + "/" + file, with: Array(text.utf8), durable: false)
  }

  func apply(_ change: (inout HouseholdModel) -> Void = { _ in }) {
    change(&model)
    commit += 1
    daemon.apply(model: model, commit: commit, configurationFolder: folder.path)
  }

  func update(_ leases: [Lease]) { daemon.update(leases: leases, uplinkServers: []) }

  /// Asks over UDP from `client`, and is the upstream meanwhile. Nil: no answer within two seconds.
  func ask(
    _ question: String, _ type: DNSType = .a, from client: String = "127.0.77.50", isRecursive: Bool = true
  ) throws -> Answer? {
    let socket = try Self.socket(boundTo: v4(client))
    var server = Self.address(v4(client.hasPrefix("127.0.78.") ? "127.0.78.1" : "127.0.77.1"), port: daemon.port)
    var query = ByteWriter()
    for word: UInt16 in [0x1234, isRecursive ? 0x0100 : 0, 1, 0, 0, 1] { query.write(word) }
    query.write(contentsOf: name(question).wire)
    for word: UInt16 in [type.rawValue, 1] { query.write(word) }
    query.write(contentsOf: [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0])
    try Self.send(query.bytes, socket.number, &server)
    let deadline = Clock.now.advanced(milliseconds: 2_000)
    while Clock.now < deadline {
      var ready = [
        pollfd(fd: socket.number, events: 1, revents: 0), pollfd(fd: upstream.number, events: 1, revents: 0),
      ]
      _ = poll(&ready, 2, 100)
      if ready[1].revents != 0, !isUpstreamSilent { try answerUpstream() }
      if ready[0].revents != 0 { return Self.read(Self.receive(socket.number).bytes) }
    }
    return nil
  }

  /// Asks until the answer is as expected: a change reaches the cores a moment later. The last answer where it never is.
  func ask(
    _ question: String, _ type: DNSType = .a, from client: String = "127.0.77.50", until isExpected: (Answer) -> Bool
  ) throws -> Answer? {
    var last: Answer?
    _ = try eventually(within: .seconds(10)) {
      last = try ask(question, type, from: client)
      return last.map(isExpected) ?? false
    }
    return last
  }

  // MARK: The upstream

  private func answerUpstream() throws {
    var (query, sender) = Self.receive(upstream.number)
    guard let message = DNSMessage(query.span.bytes), let question = message.question else { return }
    let asked = question.name.canonical.description
    askedUpstream.append(asked)
    let records = records(of: asked, question.type)
    var reply = ByteWriter()
    reply.write(message.identifier)
    for word in [internet[asked] == nil ? 0x8183 : 0x8180, 1, UInt16(records.count), 0, 0] { reply.write(word) }
    reply.write(contentsOf: query[12..<question.end])
    for record in records {
      reply.write(contentsOf: record.owner)
      for word in [
        record.type.rawValue, 1, UInt16(lifetime >> 16), UInt16(lifetime & 0xffff), UInt16(record.data.count),
      ] {
        reply.write(word)
      }
      reply.write(contentsOf: record.data)
    }
    try Self.send(reply.bytes, upstream.number, &sender)
  }

  /// The records of a type that a name has, and before them the aliases that lead to them.
  private func records(of name: String, _ type: DNSType) -> [(owner: [UInt8], type: DNSType, data: [UInt8])] {
    // The first owner is the question's name, by a compression pointer.
    var (owner, ownerWire): (String, [UInt8]) = (name, [0xc0, 0x0c])
    var found: [(owner: [UInt8], type: DNSType, data: [UInt8])] = []
    for _ in 0..<8 {
      let here = internet[owner]?.filter { $0.type == type || $0.type == .cname } ?? []
      found += here.map { (ownerWire, $0.type, $0.data) }
      guard let alias = here.first(where: { $0.type == .cname }), type != .cname,
        let target = DomainName(wire: alias.data)
      else { break }
      (owner, ownerWire) = (target.description, target.wire)
    }
    return found
  }

  // MARK: Sockets

  private static func socket(boundTo address: IPv4Address) throws -> Descriptor {
    let descriptor = Descriptor(
      owning: try systemCall("making a socket") { Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0) })
    var local = Self.address(address, port: 0)
    try withUnsafePointer(to: &local) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        _ = try systemCall("binding to \(address)") {
          bind(descriptor.number, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
    }
    return descriptor
  }

  private static func port(of descriptor: borrowing Descriptor) throws -> UInt16 {
    var local = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let number = descriptor.number
    try withUnsafeMutablePointer(to: &local) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        _ = try systemCall("reading a socket's port") { getsockname(number, pointer, &length) }
      }
    }
    return UInt16(bigEndian: local.sin_port)
  }

  private static func address(_ address: IPv4Address, port: UInt16) -> sockaddr_in {
    sockaddr_in(
      sin_family: sa_family_t(AF_INET), sin_port: port.bigEndian, sin_addr: in_addr(s_addr: address.value.bigEndian),
      sin_zero: (0, 0, 0, 0, 0, 0, 0, 0))
  }

  private static func send(_ bytes: [UInt8], _ socket: Int32, _ to: inout sockaddr_in) throws {
    try withUnsafePointer(to: &to) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        _ = try systemCall("sending") {
          sendto(socket, bytes, bytes.count, 0, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
    }
  }

  private static func receive(_ socket: Int32) -> (bytes: [UInt8], sender: sockaddr_in) {
    var bytes = [UInt8](repeating: 0, count: 4096)
    var sender = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let count = withUnsafeMutablePointer(to: &sender) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        recvfrom(socket, &bytes, bytes.count, 0, $0, &length)
      }
    }
    return (Array(bytes.prefix(max(count, 0))), sender)
  }

  private static func read(_ bytes: [UInt8]) -> Answer? {
    var packet: UnsafeMutablePointer<ldns_pkt>?
    guard ldns_wire2pkt(&packet, bytes, bytes.count) == LDNS_STATUS_OK else { return nil }
    defer { ldns_pkt_free(packet) }
    var answer = Answer(
      code: ldns_pkt_get_rcode(packet).rawValue, isAuthoritative: ldns_pkt_aa(packet) != 0,
      answers: recordLines(ldns_pkt_answer(packet)), authority: recordLines(ldns_pkt_authority(packet)))
    if let options = ldns_pkt_edns_data(packet), let start = ldns_rdf_data(options) {
      var reader = ByteReader(UnsafeRawBufferPointer(start: start, count: ldns_rdf_size(options)).bytes)
      while let code = reader.readUInt16(), let length = reader.readUInt16(), let data = reader.readBytes(Int(length)) {
        var option = ByteReader(data)
        guard code == 15 else { continue }
        answer.error = option.readUInt16()
        if let text = option.readBytes(option.remaining) {
          answer.errorText = String(decoding: text.array, as: UTF8.self)
        }
      }
    }
    return answer
  }
}
