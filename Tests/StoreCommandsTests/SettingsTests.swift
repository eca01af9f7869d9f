import GitFormat
import StoreSync
import TestSupport
import Testing
import VersionedStore

@testable import StoreCommands

/// What is read of other programs' files, and how text is made for people.
@Suite struct SettingsTests {
  @Test func remotesAreReadAsGitWritesThem() throws {
    let shell = try Shell()
    for address in ["/a b/c", #"ssh://nas/"quoted"\x"#, "https://host/p;q#r", "../up"] {
      try shell("rm -rf r; git init -q --bare r; git -C r remote add nas '\(address)'; git -C r remote add other x")
      try shell("git -C r config --add remote.nas.fetch +refs/tags/*:refs/tags/*")
      let settings = RemoteSettings("nas", in: try shell("cat r/config"))
      #expect(settings.address == address)
      #expect(settings.fetch == ["+refs/heads/*:refs/remotes/nas/*", "+refs/tags/*:refs/tags/*"])
      #expect(RemoteSettings("nobody", in: try shell("cat r/config")).address == nil)
    }
  }

  @Test(arguments: ["/a b/c", #"nas:"quoted"\x"#, "https://host/p;q#r", "tab\tand\nline"])
  func gitReadsTheRemotesThatWeWrite(_ address: String) throws {
    let shell = try Shell()
    try shell("git init -q --bare r; cat >>r/config <<'END'\n\(RemoteSettings.section("origin", address: address))END")
    #expect(try shell("git -C r config remote.origin.url") == address)
    #expect(try shell("git -C r config remote.origin.fetch") == "+refs/heads/*:refs/remotes/origin/*")
    #expect(RemoteSettings("origin", in: try shell("cat r/config")).address == address)
  }

  @Test func settingsOfAnyBytesDoNoHarm() throws {
    var generator = SeededGenerator(7)
    let whole = Array(RemoteSettings.section("origin", address: "/a \"b\" \\c").utf8)
    for _ in 0..<Soak.count(2_000, soak: 200_000) {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...6, using: &generator) {
        let place = bytes.indices.randomElement(using: &generator)!
        if Bool.random(using: &generator) {
          bytes.remove(at: place)
        } else {
          bytes[place] = .random(in: 0...255, using: &generator)
        }
      }
      let text = String(decoding: bytes, as: UTF8.self)
      #expect((RemoteSettings("origin", in: text).address?.utf8.count ?? 0) <= 3 * bytes.count)
      _ = Netrc.credentials(for: "origin", in: text)
    }
  }

  @Test func passwordsAreThoseOfTheHost() {
    let text =
      "machine a login ada password 1\nmachine b\n  login bob\n  password 2 # x\nmachine c login only\ndefault login any password 3"
    func found(_ host: String, _ text: String) -> [String]? {
      Netrc.credentials(for: host, in: text).map { [$0.user, $0.password] }
    }
    #expect(found("a", text) == ["ada", "1"])
    #expect(found("b", text) == ["bob", "2"])
    #expect(found("d", text) == ["any", "3"])
    #expect(found("d", "machine a login ada password 1") == nil)
    // A host without a password gets nobody else's.
    #expect(found("c", "machine c login only\nmachine a login ada password 1") == nil)
    #expect(found("a", "machine a login") == nil)
  }

  @Test func timesOfAnySizeAreShown() throws {
    func words(_ line: String) throws -> String { Words.time(try #require(Signature(line: line.utf8))) }
    #expect(try words("A <a> 1763800000 +0130") == "2025-11-22 09:56 +0130")
    #expect(try words("A <a> 0 -0100") == "1970-01-01 00:00 -0100")
    #expect(try words("A <a> 9223372036854775807 +9959").hasPrefix("9999-12-31 23:59"))
    #expect(try words("A <a> nonsense").hasPrefix("1970-01-01 00:00"))
  }

  @Test func revisionsOfAnyTextAreReadOrRefused() {
    for text in [
      "", "~", "^", "a~99999999999999999999", "a^b", "a~1x", "~~", "a\(String(repeating: "^", count: 2_000))",
    ] {
      #expect(Revision(text) == nil, "\(text.prefix(20))")
    }
    #expect(Revision("a^^~3^2~") != nil)
  }
}
