import GitFormat
import Household
import TestSupport
import Testing
import VersionedStore
import Wire

@testable import StoreSync

@Suite struct PasswordTests {
  private static let cheap = PassphraseCost(logarithm: 2)
  private static let here = IPAddress.v4(IPv4Address(192, 0, 2, 1))

  private func file() throws -> PasswordFile {
    var file = PasswordFile()
    try file.set(.person("ada"), Array("correct horse".utf8), salt: Array(1...16), cost: Self.cheap)
    try file.set(.device("tablet"), Array("battery staple".utf8), salt: Array(2...17), cost: Self.cheap)
    return file
  }

  @Test func aFileIsReadAsItWasWritten() throws {
    var file = try file()
    #expect(try PasswordFile(parsing: file.bytes) == file)
    #expect(try file["ada"]?.accepts(Array("correct horse".utf8)) == true)
    #expect(try file["ada"]?.accepts(Array("correct hors".utf8)) == false)
    #expect(file["tablet"]?.principal == .device("tablet"))
    #expect(throws: StoreError.self) { try file.set(.service("ada"), Array("12345678".utf8), salt: Array(1...16)) }
    #expect(throws: StoreError.self) { try file.set(.person("eve"), Array("short".utf8), salt: Array(1...16)) }
    #expect(throws: StoreError.self) { try file.set(.person("e v"), Array("12345678".utf8), salt: Array(1...16)) }
    #expect(file.remove(.person("ada")) && !file.remove(.person("ada")))
    #expect(!String(decoding: file.bytes, as: UTF8.self).contains("battery"))
  }

  /// The key of RFC 7914 section 12, second vector, by its first 32 bytes.
  @Test func theHashIsScrypt() throws {
    var cost = PassphraseCost(logarithm: 10)
    cost.parallelism = 16
    let key = try cost.key(of: Array("password".utf8), salt: Array("NaCl".utf8))
    #expect(
      key == [
        0xfd, 0xba, 0xbe, 0x1c, 0x9d, 0x34, 0x72, 0x00, 0x78, 0x56, 0xe7, 0x19, 0x0d, 0x01, 0xe9, 0xfe,
        0x7c, 0x6a, 0xd7, 0xcb, 0xc8, 0x23, 0x78, 0x30, 0xe7, 0x73, 0x76, 0x63, 0x4b, 0x37, 0x31, 0x62,
      ])
  }

  @Test func anyBytesAreReadOrRefused() throws {
    var random = SeededGenerator(3)
    let good = try file().bytes
    for _ in 0..<Soak.count(1_000, soak: 200_000) {
      var bytes = good
      for _ in 0..<1 + random.next() % 3 {
        bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next())
      }
      guard let read = try? PasswordFile(parsing: bytes) else { continue }
      #expect(try PasswordFile(parsing: read.bytes) == read)
    }
  }

  @Test func guessingBecomesSlow() throws {
    let gate = PasswordGate(key: Array(1...32))
    let file = try file()
    let start = Instant.seconds(1_000)
    func check(_ password: String, at now: Instant = start, from address: IPAddress = Self.here) throws
      -> PasswordGate.Answer
    {
      try gate.check("ada", Array(password.utf8), in: file, from: address, now: now)
    }
    #expect(try check("correct horse") == .welcome(.person("ada")))
    var waits: [Int64] = []
    for _ in 0..<PasswordGate.failureLimit {
      if case .wrong(let wait) = try check("wrong") { waits.append(wait) }
    }
    #expect(waits == [250, 500, 1_000, 2_000] + Array(repeating: 4_000, count: 6))
    #expect(try check("wrong") == .busy(seconds: 61))
    // Whoever is known by a password that was right is not kept waiting; others from there are, right or not.
    #expect(try check("correct horse") == .welcome(.person("ada")))
    let tablet = try gate.check("tablet", Array("battery staple".utf8), in: file, from: Self.here, now: start)
    #expect(tablet == .busy(seconds: 61))
    #expect(try check("wrong", from: .v4(IPv4Address(192, 0, 2, 2))) == .wrong(afterMilliseconds: 250))
    #expect(
      try check("wrong", at: start.advanced(milliseconds: PasswordGate.pauseMilliseconds))
        == .wrong(afterMilliseconds: 250))
  }

  @Test func oneHostOfIPv6HasOneCount() throws {
    let gate = PasswordGate(key: [1])
    let file = try file()
    for number in 0..<UInt64(PasswordGate.failureLimit) {
      _ = try gate.check("ada", [1], in: file, from: .v6(IPv6Address(high: 7, low: number)), now: .seconds(1))
    }
    let answer = try gate.check("ada", [1], in: file, from: .v6(IPv6Address(high: 7, low: 99)), now: .seconds(1))
    #expect(answer == .busy(seconds: 61))
  }

  @Test func aChangedPasswordCountsAtOnce() throws {
    let gate = PasswordGate(key: [1])
    var file = try file()
    let right = Array("correct horse".utf8)
    #expect(try gate.check("ada", right, in: file, from: Self.here, now: .seconds(1)) == .welcome(.person("ada")))
    try file.set(.person("ada"), Array("another one".utf8), salt: Array(1...16), cost: Self.cheap)
    #expect(try gate.check("ada", right, in: file, from: Self.here, now: .seconds(1)) == .wrong(afterMilliseconds: 250))
    file.remove(.person("ada"))
    #expect(
      try gate.check("ada", Array("another one".utf8), in: file, from: Self.here, now: .seconds(1))
        == .wrong(afterMilliseconds: 500))
  }

  @Test(arguments: [
    ("Basic YWRhOng=", "ada", "x"), ("basic YWRhOng", "ada", "x"), ("BASIC OjphOmI=", "", ":a:b"),
  ])
  func loginsAreRead(_ value: String, _ name: String, _ password: String) throws {
    let found = try #require(BasicCredentials.parse(value))
    #expect(found.name == name && found.password == Array(password.utf8))
  }

  @Test(arguments: [
    "", "Basic", "Basic YWRh", "Basic %%%%", "Bearer YWRhOng=", "Basic YWRhOng= x", "Basic A", "Basic /zo=",
  ])
  func whatIsNoLoginIsNone(_ value: String) { #expect(BasicCredentials.parse(value) == nil) }
}
