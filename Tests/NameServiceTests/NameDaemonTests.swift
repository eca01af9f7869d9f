import CNameService
import Glibc
import HostSystem
import Household
import TestSupport
import Testing
import Wire

@testable import NameService

/// The daemon with its cores and sockets on loopback.
@Suite(.serialized) struct NameDaemonTests {
  @Test func manyClientsOnSeveralCoresCostOneUpstreamQuery() throws {
    let upstream = try ManualUpstream()
    let service = try LoopbackService(upstreams: [upstream.port])
    let clients = try (0..<40).map { _ in try LoopbackClient(port: service.daemon.port) }
    for (number, client) in clients.enumerated() {
      client.send(LoopbackClient.query("wWw.example", identifier: UInt16(number)))
    }
    upstream.serve(milliseconds: 150, .a("192.0.2.7"))
    for (number, client) in clients.enumerated() {
      let answer = try #require(client.receive())
      #expect(Seen(answer) == Seen(code: 0, answers: 1))
      #expect(DNSMessage(answer.span.bytes)?.identifier == UInt16(number))
      #expect(Array(answer[12..<16]) == [3, UInt8(ascii: "w"), UInt8(ascii: "W"), UInt8(ascii: "w")])
    }
    #expect(upstream.asked == ["www.example"])
    // Every core has it now.
    for client in clients {
      #expect(Seen(client.ask(LoopbackClient.query("www.example"))) == Seen(code: 0, answers: 1))
    }
    #expect(upstream.asked.count == 1)
  }

  @Test(arguments: ["127.0.0.1", "127.0.0.9", "127.0.77.1", "::1"], [false, true])
  func theAnswerComesFromTheAddressAsked(_ address: String, isStream: Bool) throws {
    let service = try LoopbackService(upstreams: [])
    let client = try LoopbackClient(address, port: service.daemon.port, isStream: isStream)
    #expect(Seen(client.ask(LoopbackClient.query("router.home.arpa"))) == Seen(code: 0, answers: 1))
  }

  /// A query with some octets changed; those before the end count backwards.
  private static func query(_ changes: [Int: UInt8], dropping count: Int = 0) -> [UInt8] {
    var query = LoopbackClient.query("www.example")
    for (offset, value) in changes { query[offset < 0 ? query.count + offset : offset] = value }
    return query.dropLast(count)
  }

  @Test(
    arguments: [
      ("a notify", 4, query([2: 0x20])), ("two questions", 1, query([5: 2])),
      ("a question that is cut", 1, query([:], dropping: 14)), ("class CHAOS", 5, query([-12: 3])),
      ("a transfer", 5, query([-14: 252])),
      ("type 0", 5, query([-14: 0])),
    ] as [(String, UInt16, [UInt8])])
  func whatIsNotServedIsSaidSo(_ kind: String, _ code: UInt16, _ query: [UInt8]) throws {
    let service = try LoopbackService(upstreams: [])
    let client = try LoopbackClient(port: service.daemon.port)
    #expect(Seen(client.ask(query)) == Seen(code: code), "\(kind)")
  }

  @Test func anEDNSVersionThatIsNotKnownIsBADVERS() throws {
    let service = try LoopbackService(upstreams: [])
    var query = LoopbackClient.query("www.example")
    query[query.count - 5] = 1
    let answer = try #require(try LoopbackClient(port: service.daemon.port).ask(query))
    // The extended code's high bits stand in the OPT record: 16 = 1 << 4.
    #expect(Seen(answer) == Seen(code: 0))
    #expect(answer[answer.count - 6] == 1)
  }

  @Test func responsesAndNoiseGetNoAnswer() throws {
    let service = try LoopbackService(upstreams: [])
    let client = try LoopbackClient(port: service.daemon.port)
    client.send([1, 2, 3])
    client.send(ScriptedReply.a("192.0.2.1").bytes(to: LoopbackClient.query("www.example")))
    client.send([UInt8](repeating: 0xff, count: 1_400))
    #expect(client.receive(milliseconds: 200) == nil)
    #expect(Seen(client.ask(LoopbackClient.query("router.home.arpa"))) == Seen(code: 0, answers: 1))
  }

  @Test func aLongAnswerIsCutOverUDPAndWholeOverTCP() throws {
    let upstream = try ManualUpstream()
    let service = try LoopbackService(upstreams: [upstream.port])
    var reply = ScriptedReply()
    reply.records = (0..<60).map { (.a, 300, [192, 0, 2, UInt8($0)]) }
    let client = try LoopbackClient(port: service.daemon.port)
    client.send(LoopbackClient.query("many.example", payload: nil))
    upstream.serve(milliseconds: 100, reply)
    #expect(Seen(client.receive()) == Seen(code: 0, isTruncated: true))
    #expect(Seen(client.ask(LoopbackClient.query("many.example"))) == Seen(code: 0, answers: 60))
    let stream = try LoopbackClient(port: service.daemon.port, isStream: true)
    #expect(Seen(stream.ask(LoopbackClient.query("many.example", payload: nil))) == Seen(code: 0, answers: 60))
  }

  @Test func manyQueriesOnOneConnectionAreAllAnswered() throws {
    let upstream = try ManualUpstream()
    let service = try LoopbackService(upstreams: [upstream.port])
    let client = try LoopbackClient(port: service.daemon.port, isStream: true)
    // More than a connection may have under way: the rest waits.
    let queries = (0..<100).map { LoopbackClient.query("n\($0).example", identifier: UInt16($0)) }
    client.sendRaw(queries.flatMap { [UInt8($0.count >> 8), UInt8($0.count & 255)] + $0 })
    upstream.serve(milliseconds: 200, .a("192.0.2.1"))
    upstream.serve(milliseconds: 200, .a("192.0.2.1"))
    var identifiers: Set<UInt16> = []
    while identifiers.count < 100, let answer = client.receive() {
      #expect(Seen(answer) == Seen(code: 0, answers: 1))
      identifiers.insert(UInt16(answer[0]) << 8 | UInt16(answer[1]))
    }
    #expect(identifiers.count == 100)
  }

  @Test func theDaemonMayHaveManyDescriptors() throws {
    _ = try LoopbackService(upstreams: [], cores: 1)
    var limit = rlimit()
    #expect(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
    #expect(limit.rlim_cur >= min(limit.rlim_max, rlim_t(NameDaemon.mostDescriptors)))
  }

  @Test func oneClientCannotHoldAllConnections() throws {
    let service = try LoopbackService(upstreams: [], cores: 1)
    let clients = try (0..<40).map { _ in try LoopbackClient(port: service.daemon.port, isStream: true) }
    let served = clients.filter { Seen($0.ask(LoopbackClient.query("router.home.arpa"))) != nil }
    #expect(served.count == Worker.maximumStreamsPerClient)
  }

  @Test func oneClientCannotHaveAnyNumberOfQuestionsUnderWay() throws {
    let upstream = try ManualUpstream()
    let service = try LoopbackService(upstreams: [upstream.port], cores: 1)
    let client = try LoopbackClient(port: service.daemon.port)
    for number in 0..<300 { client.send(LoopbackClient.query("n\(number).example", identifier: UInt16(number))) }
    var refused = 0
    while let answer = client.receive(milliseconds: 300) {
      if Seen(answer) == Seen(code: 2) { refused += 1 }
    }
    #expect(refused == 300 - WaitingList.maximumPerClient)
  }

  /// A core that datagrams keep busy is told of them no longer: it looks itself, after other events had their turn, and
  /// is told again once there are none.
  @Test func aFloodStarvesNobodyAndIsOverWhenItEnds() async throws {
    let service = try LoopbackService(upstreams: [], cores: 1)
    let (port, query) = (service.daemon.port, LoopbackClient.query("router.home.arpa"))
    let flood = Task.detached {
      let client = try LoopbackClient(port: port)
      var sent = 0
      let end = Clock.now.advanced(milliseconds: 500)
      while Clock.now < end {
        client.send(query)
        sent += 1
      }
      return sent
    }
    let stream = try LoopbackClient(port: port, isStream: true)
    for _ in 0..<20 { #expect(Seen(stream.ask(query)) == Seen(code: 0, answers: 1)) }
    #expect(try await flood.value > 10_000)
    // While the kernel's queue is still full it drops what comes.
    let first = try LoopbackClient(port: port)
    let isOver = try await eventually(within: .seconds(2), every: .zero) {
      first.send(query)
      return first.receive(milliseconds: 100) != nil
    }
    #expect(isOver)
    for _ in 0..<20 {
      let client = try LoopbackClient(port: port)
      #expect(Seen(client.ask(query)) == Seen(code: 0, answers: 1))
      usleep(1_000)
    }
  }

  /// Makes blocklists hold for the test itself.
  private static let filteredSelf = Device(name: "test", addresses: [address("127.0.0.1")], blocking: true)

  @Test func anAnswerOnItsWayDoesNotPassForCheckedAgainstNewRules() throws {
    let upstream = try ManualUpstream()
    let service = try LoopbackService(upstreams: [upstream.port]) { $0.devices = [Self.filteredSelf] }
    try File.replace(service.folder.path + "/new.txt", with: Array("||ads.example^\n".utf8), durable: false)
    let clients = try (0..<16).map { _ in try LoopbackClient(port: service.daemon.port) }
    for client in clients { client.send(LoopbackClient.query("ads.example")) }
    usleep(100_000)
    service.model.names.blocklists = ["new.txt"]
    service.daemon.apply(model: service.model, commit: 2, configurationFolder: service.folder.path)
    usleep(100_000)
    upstream.serve(milliseconds: 100, .a("192.0.2.7"))
    for client in clients { #expect(Seen(client.receive()) != nil) }
    for client in clients { #expect(Seen(client.ask(LoopbackClient.query("ads.example"))) == Seen(code: 3)) }
  }

  @Test func theCacheSurvivesARestart() throws {
    let upstream = try ManualUpstream()
    let folder: TemporaryFolder
    do {
      let service = try LoopbackService(upstreams: [upstream.port])
      folder = service.folder
      let client = try LoopbackClient(port: service.daemon.port)
      client.send(LoopbackClient.query("www.example"))
      upstream.serve(milliseconds: 100, .a("192.0.2.7"))
      #expect(Seen(client.receive()) == Seen(code: 0, answers: 1))
    }
    let service = try LoopbackService(upstreams: [upstream.port], folder: folder, cores: 1)
    let client = try LoopbackClient(port: service.daemon.port)
    #expect(Seen(client.ask(LoopbackClient.query("www.example"))) == Seen(code: 0, answers: 1))
    #expect(upstream.asked.count == 1)
  }

  @Test func aDamagedCacheFileIsIgnored() throws {
    let folder = try TemporaryFolder()
    try File.makeFolder(folder.folders.state(of: "names"))
    try File.replace(folder.folders.state(of: "names") + "/cache", with: CacheDump.magic + [1, 2, 3], durable: false)
    let service = try LoopbackService(upstreams: [], folder: folder)
    let client = try LoopbackClient(port: service.daemon.port)
    #expect(Seen(client.ask(LoopbackClient.query("router.home.arpa"))) == Seen(code: 0, answers: 1))
    #expect(service.daemon.problems == [])
  }

  @Test func anExpiredAnswerIsGivenWhileTheUpstreamIsAway() throws {
    let port: UInt16
    let service: LoopbackService
    do {
      let upstream = try ManualUpstream()
      port = upstream.port
      service = try LoopbackService(upstreams: [port], cores: 1)
      let client = try LoopbackClient(port: service.daemon.port)
      client.send(LoopbackClient.query("www.example"))
      upstream.serve(milliseconds: 100, .a("192.0.2.7", ttl: 1))
      #expect(Seen(client.receive()) == Seen(code: 0, answers: 1))
    }
    usleep(2_100_000)
    let client = try LoopbackClient(port: service.daemon.port)
    let answer = try #require(client.ask(LoopbackClient.query("www.example")))
    #expect(Seen(answer) == Seen(code: 0, answers: 1))
    // OPT with option 15 and INFO-CODE 3: Stale Answer.
    #expect(answer.suffix(8) == [0, 6, 0, 15, 0, 2, 0, 3])
    // What was never known cannot be given.
    let failure = try #require(client.ask(LoopbackClient.query("other.example")))
    #expect(Seen(failure) == Seen(code: 2))
    #expect(String(decoding: failure, as: UTF8.self).hasSuffix("127.0.0.1:\(port): no answer"))
  }

  @Test func aPortInUseIsSaidByWhomAndTriedAgain() throws {
    // Not for programs that other tests start meanwhile: they would hold it too.
    let kind = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
    let holder = try systemCall("making a socket") { socket(AF_INET, kind, 0) }
    var own = sockaddr_in()
    own.sin_family = sa_family_t(AF_INET)
    let bound = withUnsafePointer(to: &own) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(holder, $0, 16) }
    }
    #expect(bound == 0)
    let port = lares_local_port(holder)
    let service = try LoopbackService(upstreams: [], port: port)
    let problem = try #require(service.daemon.problems.first)
    #expect(problem.hasPrefix("port \(port) is in use by "))
    #expect(problem.contains("(process \(getpid()))"))
    close(holder)
    let recovers = try service.wait { service.daemon.problems.isEmpty }
    #expect(recovers)
    let client = try LoopbackClient(port: port)
    #expect(Seen(client.ask(LoopbackClient.query("router.home.arpa"))) == Seen(code: 0, answers: 1))
  }

  @Test func theCountersArePublished() throws {
    let service = try LoopbackService(upstreams: [])
    let client = try LoopbackClient(port: service.daemon.port)
    for _ in 0..<5 { _ = client.ask(LoopbackClient.query("router.home.arpa")) }
    let reader = FactReader(FactKinds.metrics(of: "names"), in: service.folder.folders, loop: service.loop)
    let hasCounted = try service.wait {
      reader.values["lares_dns_queries_total"]?.value == 5
        && reader.values["lares_dns_cache_hits_total"]?.value == 4
    }
    #expect(hasCounted)
  }

  @Test func namesThatAreMadeUpTakeNoRoomInTheCache() throws {
    let folder = try TemporaryFolder()
    try File.replace(folder.path + "/ads.txt", with: Array("||ads.example^\n".utf8), durable: false)
    let service = try LoopbackService(upstreams: [], folder: folder) {
      $0.names.blocklists = ["ads.txt"]
      $0.devices = [Self.filteredSelf]
    }
    let client = try LoopbackClient(port: service.daemon.port)
    for number in 0..<50 {
      for question in ["n\(number).home.arpa", "n\(number).ads.example"] {
        #expect(Seen(client.ask(LoopbackClient.query(question))) == Seen(code: 3))
      }
      #expect(Seen(client.ask(LoopbackClient.query("n\(number).example", .any))) == Seen(code: 0, answers: 1))
    }
    // These two there are: they stay.
    #expect(Seen(client.ask(LoopbackClient.query("router.home.arpa"))) == Seen(code: 0, answers: 1))
    #expect(Seen(client.ask(LoopbackClient.query("ads.example"))) == Seen(code: 3))
    let reader = FactReader(FactKinds.metrics(of: "names"), in: service.folder.folders, loop: service.loop)
    let hasCounted = try service.wait { reader.values["lares_dns_queries_total"]?.value == 152 }
    #expect(hasCounted)
    #expect(reader.values["lares_dns_cache_entries"]?.value == 2)
  }

  @Test func applyingTheSameTwiceChangesNothing() throws {
    let service = try LoopbackService(upstreams: [])
    let port = service.daemon.port
    service.daemon.apply(model: service.model, commit: 2, configurationFolder: service.folder.path)
    #expect(service.daemon.port == port)
    #expect(service.daemon.appliedCommit == 2)
    service.model.names.records = ["nas A nonsense"]
    service.daemon.apply(model: service.model, commit: 3, configurationFolder: service.folder.path)
    #expect(service.daemon.appliedCommit == 2)
    #expect(service.daemon.problems.first?.hasPrefix("commit 3 is not in force: dns.records") == true)
  }
}
