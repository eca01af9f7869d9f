import GitFormat
import HostSystem
import TestSupport
import Testing
import VersionedStore

@testable import StoreSync

@Suite struct RightsFileTests {
  private func errors(_ text: String, ofFolder: Bool = true) -> [String] {
    do throws(RightsFileErrors) {
      _ = try RightsFile(parsing: Array(text.utf8), ofFolder: ofFolder)
      return []
    } catch { return error.lines }
  }

  /// The page's example is one that is taken, and means what the page says.
  @Test func theExampleOfTheDocumentationIsRead() throws {
    let page = #filePath.split(separator: "/").dropLast(4).map { "/" + $0 }.joined() + "/docs/store-rights.md"
    let lines = String(decoding: try File.read(page), as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false)
    let start = try #require(lines.firstIndex(of: "```toml"))
    let example = lines[(start + 1)...].prefix { $0 != "```" }.joined(separator: "\n")
    let file = try RightsFile(parsing: Array(example.utf8))
    #expect(file.requiresOwnCommitter)
    #expect(file.committers(of: .person("ada")) == ["ada@home.arpa", "ada@example.net"])
    #expect(file.mails(of: .person("eve")) == ["eve@lares"])
    let (main, own) = (RefName.branch("main")!, RefName.branch("ben/x/y")!)
    let ben = file.rights.access(of: .person("ben"), to: "shared/home")
    #expect(ben.may(.write, main) && !ben.may(.create, main) && ben.may(.rewind, own))
    #expect(ben.writable(main).contains("recipes/soup") && !ben.writable(main).contains("lists/other"))
    #expect(file.rights.access(of: .person("ben"), to: "people/ada/diary").isEmpty)
    #expect(file.rights.access(of: .person("ada"), to: "people/ada/diary").may(.administer, own))
    let tablet = file.rights.access(of: .device("kitchen-tablet"), to: "shared/home")
    #expect(tablet.may(.read, main) && !tablet.may(.read, own))
    let anybody = file.rights.access(of: .person("anybody"), to: "public")
    #expect(anybody.may(.read, main) && !anybody.mayChange(main) && !anybody.isEmpty)
  }

  @Test(arguments: [
    ("comitter = \"own\"", "1:1: there is no key comitter here; did you mean committer?"),
    ("committer = \"mine\"", "1:13: one of \"own\", \"any\" is expected"),
    ("[[grant]]\nwho = [\"everybody\"]\npowers = [\"raed\"]", "3:11: “raed” is none of"),
    ("[[grant]]\nwho = [\"ada\"]\npowers = []", "2:8: “ada” is neither everybody nor"),
    ("[[grant]]\nwho = [\"group:famly\"]\npowers = []\n[group.family]\nmembers = []", "2:8: there is no group “famly”"),
    ("[[grant]]\npowers = [\"read\"]", ": the grant has no who"),
    ("[[grant]]\nwho = [\"everybody\"]", ": the grant has no powers"),
    ("[[grant]]\nwho = \"everybody\"\npowers = []", "2:7: a list of strings is expected"),
    ("[[grant]]\nwho = [1]\npowers = []", "2:8: a string is expected"),
    ("[[grant]]\nwho = []\npowers = []\npaths = [\"a/../b\"]", "4:10: “a/../b” cannot be a path"),
    ("[[grant]]\nwho = []\npowers = []\nbranches = [\"/x\"]", "4:13: “/x” is no pattern of names"),
    ("[grant]\nwho = []", "1:2: grants are written as [[grant]]"),
    ("[group.\"a b\"]\nmembers = []", "1:8: “a b” is no name"),
    ("[group.a]\nmembers = [\"person:\"]", "2:12: “person:” is no person:NAME"),
    ("[person.ada]\nmail = [\"a <b>\"]", "2:9: “a <b>” is no address of mail"),
    ("person = 1", "1:1: person is written as [person.NAME]"),
    ("x = [", ":1:"),
  ])
  func whatIsWrongIsNamedWithItsPlace(_ text: String, _ expected: String) {
    let found = errors(text)
    #expect(found.contains { $0.hasPrefix("rights.toml:") && $0.contains(expected) }, "\(found)")
  }

  @Test func theFileOfOneRepositoryNamesNone() {
    let text = "[[grant]]\nwho = [\"everybody\"]\npowers = [\"read\"]\nrepositories = [\"x\"]"
    #expect(errors(text) == [])
    #expect(errors(text, ofFolder: false).count == 1)
  }

  @Test func anyBytesAreReadOrRefused() throws {
    var random = SeededGenerator(4)
    let good = Array(
      "committer=\"own\"\n[person.a]\nmail=[\"a@b\"]\n[group.g]\nmembers=[\"person:a\"]\n[[grant]]\nwho=[\"group:g\"]\npowers=[\"write\"]\npaths=[\"x/y\"]\nbranches=[\"**/a*\"]\n"
        .utf8)
    for _ in 0..<Soak.count(500, soak: 100_000) {
      var bytes = good
      for _ in 0..<1 + random.next() % 4 {
        let index = Int(random.next() % UInt64(bytes.count))
        if random.next() % 3 == 0 {
          bytes.remove(at: index)
        } else {
          bytes[index] = UInt8(truncatingIfNeeded: random.next())
        }
      }
      do throws(RightsFileErrors) { _ = try RightsFile(parsing: bytes) } catch {
        #expect(!error.lines.isEmpty)
      }
    }
  }
}
