import Household
import TestSupport
import Testing
import Wire

@testable import NameService

/// As it stands beside "no": to be kept for ten seconds.
private let soa = "home.arpa. 10 IN SOA router.home.arpa. hostmaster.home.arpa. 7 3600 600 86400 10"

@Suite struct ZoneTests {
  @Test(arguments: [
    ("router.home.arpa", DNSType.a, ["router.home.arpa. 60 IN A 192.168.77.1"]),
    ("router.home.arpa", .aaaa, ["router.home.arpa. 60 IN AAAA fd00:77::1"]),
    ("home.arpa", .a, ["home.arpa. 60 IN A 192.168.77.1"]),
    ("home.arpa", .soa, ["home.arpa. 60 IN" + soa.dropFirst(16)]),
    ("home.arpa", .ns, ["home.arpa. 60 IN NS router.home.arpa."]),
    ("router.guest.home.arpa", .a, ["router.guest.home.arpa. 60 IN A 192.168.78.1"]),
    ("nas.home.arpa", .a, ["nas.home.arpa. 60 IN A 192.168.77.10"]),
    ("NAS.Home.ARPA", .aaaa, ["nas.home.arpa. 60 IN AAAA fd00:77::10"]),
    ("localhost", .a, ["localhost. 60 IN A 127.0.0.1"]),
    ("10.77.168.192.in-addr.arpa", .ptr, ["10.77.168.192.in-addr.arpa. 60 IN PTR nas.home.arpa."]),
    ("1.78.168.192.in-addr.arpa", .ptr, ["1.78.168.192.in-addr.arpa. 60 IN PTR router.guest.home.arpa."]),
    (
      "0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.7.0.0.0.0.d.f.ip6.arpa", .ptr,
      [
        "0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.7.0.0.0.0.d.f.ip6.arpa. 60 IN PTR nas.home.arpa."
      ]
    ),
  ])
  func answersWhatTheConfigurationNames(question: String, type: DNSType, answers: [String]) throws {
    #expect(try snapshot().ask(question, type) == Reply(code: 0, answers: answers, authority: []))
  }

  @Test func saysNoSuchNameWithTheZonesAuthority() throws {
    let zone = try snapshot()
    for question in ["absent.home.arpa", "a.b.c.home.arpa", "below.nas.home.arpa", "absent.guest.home.arpa"] {
      #expect(zone.ask(question) == Reply(code: 3, answers: [], authority: [soa]), "\(question)")
    }
    #expect(zone.ask("99.77.168.192.in-addr.arpa", .ptr)?.code == 3)
    #expect(zone.ask("99.77.168.192.in-addr.arpa", .ptr)?.authority.first?.hasPrefix("168.192.in-addr.arpa. ") == true)
  }

  @Test func saysNoSuchTypeForNamesThatExist() throws {
    let zone = try snapshot()
    // `guest.home.arpa` exists because names exist below it (RFC 8020); `tv` is a device without an address.
    for (question, type) in [("nas.home.arpa", DNSType.txt), ("guest.home.arpa", .a), ("home.arpa", .mx)] {
      #expect(zone.ask(question, type) == Reply(code: 0, answers: [], authority: [soa]), "\(question)")
    }
  }

  @Test(arguments: [
    "example", "www.example", "arpa", "in-addr.arpa", "10.2.0.192.in-addr.arpa", "xhome.arpa", "home.arpa.example", ".",
  ])
  func leavesOtherNamesToTheUpstream(question: String) throws {
    #expect(try snapshot().ask(question) == nil)
  }

  @Test(arguments: [
    "1.0.0.10.in-addr.arpa", "5.5.16.172.in-addr.arpa", "9.9.100.100.in-addr.arpa", "printer.local", "x.onion",
    "any.invalid", "b.e.f.ip6.arpa",
  ])
  func keepsLocalQuestionsInTheHouse(question: String) throws {
    let code = try #require(snapshot().ask(question, .ptr)).code
    #expect(code == (question == "b.e.f.ip6.arpa" ? 0 : 3))
  }

  @Test func answersAnyWithOneSet() throws {
    let reply = try #require(try snapshot().ask("nas.home.arpa", .any))
    #expect(reply.answers == ["nas.home.arpa. 60 IN A 192.168.77.10"])
  }

  @Test func forwardZonesAreCutOut() throws {
    let zone = try snapshot(
      household {
        $0.names.forwardZones = [
          ForwardZone(domain: name("corp.home.arpa"), servers: []),
          ForwardZone(domain: name("10.in-addr.arpa"), servers: []),
        ]
      })
    #expect(zone.ask("corp.home.arpa") == nil)
    #expect(zone.ask("mail.corp.home.arpa") == nil)
    #expect(zone.ask("1.2.3.10.in-addr.arpa", .ptr) == nil)
    #expect(zone.ask("other.home.arpa")?.code == 3)
  }

  @Test func anotherDomainKeepsItsQuestionsAndHomeArpaStaysInside() throws {
    let zone = try snapshot(household { $0.domain = name("Smith.Example") })
    #expect(zone.ask("nas.smith.example")?.answers == ["nas.smith.example. 60 IN A 192.168.77.10"])
    #expect(zone.ask("nas.home.arpa")?.code == 3)
    #expect(zone.ask("www.example") == nil)
  }

  @Test(arguments: [
    ("198.51.100.0/24", ["100.51.198.in-addr.arpa"]),
    ("198.51.96.0/23", ["96.51.198.in-addr.arpa", "97.51.198.in-addr.arpa"]),
    ("203.0.113.8/31", ["8.113.0.203.in-addr.arpa", "9.113.0.203.in-addr.arpa"]), ("0.0.0.0/0", ["in-addr.arpa"]),
    ("2001:db8::/32", ["8.b.d.0.1.0.0.2.ip6.arpa"]),
    ("fe80::/10", ["8.e.f.ip6.arpa", "9.e.f.ip6.arpa", "a.e.f.ip6.arpa", "b.e.f.ip6.arpa"]),
    ("2001:db8:0:1::/63", []),
  ])
  func reverseZonesHoldExactlyThePrefix(prefix: String, zones: [String]) throws {
    guard let prefix = IPPrefix(prefix) else { return #expect(zones.isEmpty) }
    #expect(ReverseName.zones(of: prefix).map(\.description) == zones)
  }

  /// Random records against RFC 1034's rules, applied to the list of records by search.
  @Test(arguments: Soak.seeds(0...5, soak: 1_000))
  func findsWhatAPlainSearchFinds(seed: UInt64) throws {
    var random = SeededGenerator(seed)
    func randomName(_ labels: [String]) -> String {
      (0..<Int.random(in: 1...3, using: &random)).map { _ in labels.randomElement(using: &random)! }.joined(
        separator: ".")
    }
    let owners = (0..<12).map { _ in
      (Bool.random(using: &random) ? "*." : "") + randomName(["a", "b", "c"])
    }
    let zone = try snapshot(household { $0.names.records = owners.map { "\($0) TXT \"\($0)\"" } })
    func exists(_ text: String) -> Bool { owners.contains { $0 == text || $0.hasSuffix("." + text) } }
    for _ in 0..<300 {
      let question = randomName(["a", "b", "c", "d"])
      var source = question
      if !exists(question) {
        var encloser = Substring(question)
        while !encloser.isEmpty, !exists(String(encloser)) {
          encloser = encloser.firstIndex(of: ".").map { encloser[encloser.index(after: $0)...] } ?? ""
        }
        source = encloser.isEmpty ? "*" : "*.\(encloser)"
      }
      let reply = try #require(zone.ask(question + ".home.arpa", .txt))
      #expect(reply.code == (exists(source) ? 0 : 3), "\(question) in \(owners)")
      let answers = owners.contains(source) ? ["\(question).home.arpa. 300 IN TXT \"\(source)\""] : []
      #expect(reply.answers == answers, "\(question) in \(owners)")
    }
  }

  @Test func namesOfRandomBytesNeverTrap() throws {
    let zone = try snapshot()
    var random = SeededGenerator(3)
    for _ in 0..<5_000 {
      let bytes = (0..<Int.random(in: 0...300, using: &random)).map { _ in UInt8.random(in: 0...70, using: &random) }
      _ = bytes.withUnsafeBytes { zone.answer($0, type: .a) }
    }
    #expect(zone.ask("nas.home.arpa") != nil)
  }

  @Test func factsNameEachNameOnce() throws {
    let model = household { $0.names.records = ["nas TXT hello", "nas A 192.168.77.11", "mail MX 10 nas"] }
    let facts = try snapshot(model, [lease("192.168.77.100", "phone"), lease("192.168.77.101", nil, device: "tv")])
      .facts
    #expect(Set(facts.map(\.name)).count == facts.count)
    let byName = Dictionary(uniqueKeysWithValues: facts.map { ($0.name, $0) })
    #expect(
      byName["phone.home.arpa"]
        == NameFact(name: "phone.home.arpa", addresses: [address("192.168.77.100")], source: "lease"))
    #expect(byName["tv.home.arpa"]?.addresses == [address("192.168.77.101")])
    #expect(byName["nas.home.arpa"]?.addresses.contains(address("192.168.77.11")) == true)
    #expect(byName["mail.home.arpa"] == NameFact(name: "mail.home.arpa", addresses: [], source: "record"))
    #expect(byName["localhost"] == nil)
  }
}

@Suite struct ConfiguredRecordTests {
  private func zone(_ records: String...) throws -> ZoneSnapshot {
    try snapshot(household { $0.names.records = records })
  }

  @Test(arguments: [
    ("printer 120 IN A 192.168.77.20", "printer.home.arpa", DNSType.a, "printer.home.arpa. 120 IN A 192.168.77.20"),
    ("printer A 192.168.77.20", "printer.home.arpa", .a, "printer.home.arpa. 300 IN A 192.168.77.20"),
    ("@ TXT \"hello there\"", "home.arpa", .txt, "home.arpa. 300 IN TXT \"hello there\""),
    ("home.arpa. MX 10 mail", "home.arpa", .mx, "home.arpa. 300 IN MX 10 mail.home.arpa."),
    (
      "_ipp._tcp SRV 0 0 631 printer", "_ipp._tcp.home.arpa", .srv,
      "_ipp._tcp.home.arpa. 300 IN SRV 0 0 631 printer.home.arpa."
    ),
    ("*.apps A 192.168.77.30", "x.y.apps.home.arpa", .a, "x.y.apps.home.arpa. 300 IN A 192.168.77.30"),
    ("Big AAAA fd00:77::99", "big.home.arpa", .aaaa, "big.home.arpa. 300 IN AAAA fd00:77::99"),
  ])
  func isAnswered(record: String, question: String, type: DNSType, answer: String) throws {
    #expect(try zone(record).ask(question, type) == Reply(code: 0, answers: [answer], authority: []))
  }

  @Test(arguments: [
    ("nas A 192.168.77", "192.168.77"), ("", "name"), ("   A 192.168.77.1", "name"),
    ("x.example. A 192.0.2.1", "not within"),
    ("x", ""), ("x CH A 192.0.2.1", ""), ("sub NS ns.example.", "forward zone"), ("@ SOA a. b. 1 2 3 4 5", "own SOA"),
    ("nas CNAME router", "another record"), ("a CNAME a", "circles"), ("a\nb A 192.0.2.1", "one line"),
    ("x DNAME y", "DNAME"),
    ("x FOO bar", ""),
  ])
  func isRefusedWithAReason(record: String, reason: String) throws {
    let error = #expect(throws: ZoneError.self) { try zone(record) }
    #expect(error?.record == record)
    #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
  }

  @Test func reverseOfConfiguredAddresses() throws {
    let zone = try zone("printer A 192.168.77.20", "copier A 192.168.77.20")
    #expect(zone.ask("20.77.168.192.in-addr.arpa", .ptr)?.answers.count == 1)
  }

  @Test func aliasesAreFollowedInsideTheZone() throws {
    let zone = try zone(
      "www CNAME web", "web CNAME nas", "gone CNAME absent", "out CNAME www.example.", "app CNAME x.apps",
      "*.apps A 192.168.77.30")
    #expect(
      zone.ask("www.home.arpa")?.answers == [
        "www.home.arpa. 300 IN CNAME web.home.arpa.", "web.home.arpa. 300 IN CNAME nas.home.arpa.",
        "nas.home.arpa. 60 IN A 192.168.77.10",
      ])
    #expect(zone.ask("www.home.arpa", .cname)?.answers == ["www.home.arpa. 300 IN CNAME web.home.arpa."])
    let noType = try #require(zone.ask("www.home.arpa", .mx))
    #expect(noType.code == 0 && noType.answers.count == 2 && noType.authority == [soa])
    // The code is that of the chain's end (RFC 6604).
    let gone = try #require(zone.ask("gone.home.arpa"))
    #expect(gone.code == 3 && gone.answers.count == 1 && gone.authority == [soa])
    #expect(
      zone.ask("out.home.arpa")
        == Reply(
          code: 0, answers: ["out.home.arpa. 300 IN CNAME www.example."], authority: [], alias: "www.example"))
    #expect(zone.ask("app.home.arpa")?.answers.last == "x.apps.home.arpa. 300 IN A 192.168.77.30")
  }

  @Test func circlesOfAliasesAreRefused() {
    #expect(throws: ZoneError.self) { try zone("a CNAME b", "b CNAME c", "c CNAME a") }
    #expect(throws: ZoneError.self) { try zone("*.x CNAME y.x") }
    #expect(throws: ZoneError.self) { try zone("a CNAME b", "a CNAME c") }
  }

  @Test func wildcardsDoNotCoverNamesThatExist() throws {
    let zone = try zone("* A 192.168.77.40", "deep.under TXT x")
    #expect(zone.ask("anything.home.arpa")?.answers == ["anything.home.arpa. 300 IN A 192.168.77.40"])
    #expect(zone.ask("nas.home.arpa")?.answers == ["nas.home.arpa. 60 IN A 192.168.77.10"])
    // An empty non-terminal exists, and nothing above it reaches below it (RFC 4592 section 2.2.2).
    #expect(zone.ask("under.home.arpa")?.code == 0)
    #expect(zone.ask("x.under.home.arpa")?.code == 3)
  }

  @Test func textOfAnyKindIsReadOrRefused() {
    var random = SeededGenerator(11)
    let good = [
      "printer 120 IN A 192.168.77.20", "@ TXT \"a;b\" c", "s SRV 0 0 1 x", "x HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1",
      "c CAA 0 issue \"x\"",
    ]
    var refused = 0
    for _ in 0..<3_000 {
      var bytes = Array(good.randomElement(using: &random)!.utf8)
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.insert(UInt8.random(in: 32...126, using: &random), at: place)
        default: if bytes.count > 1 { bytes.remove(at: place) }
        }
      }
      let text = String(decoding: bytes, as: UTF8.self)
      do {
        let record = try ZoneRecord(configured: text, in: name("home.arpa"))
        #expect(record.owner.isWithin(name("home.arpa")))
      } catch {
        refused += 1
        #expect(error.record == text)
      }
    }
    #expect(refused > 0)
  }
}
