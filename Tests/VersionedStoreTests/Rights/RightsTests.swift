import GitFormat
import TestSupport
import Testing

@testable import VersionedStore

@Suite struct RightsTests {
  @Test(arguments: [
    ("refs/heads/main", "refs/heads/main", true), ("refs/heads/main", "refs/heads/mai", false),
    ("refs/heads/*", "refs/heads/main", true), ("refs/heads/*", "refs/heads/a/b", false),
    ("refs/heads/**", "refs/heads/a/b", true), ("refs/heads/**", "refs/tags/a", false),
    ("refs/*/v*.0", "refs/tags/v1.0", true), ("refs/*/v*.0", "refs/tags/v1.0.1", false),
    ("**/b/**/d", "a/b/c/c/d", true), ("**/b/**/d", "b/d", true), ("**/b/**/d", "a/c/d", false),
    ("**", "anything/at/all", true), ("a*b*c", "a-b-b-c", true), ("a*b*c", "a-c-b", false), ("", "a", false),
  ])
  func patternsMatchNames(_ pattern: String, _ name: String, _ isMatch: Bool) {
    #expect(NamePattern(pattern).matches(name) == isMatch)
  }

  @Test func aPatternOfManyStarsEndsSoon() {
    let pattern = NamePattern(String(repeating: "*a", count: 200) + "b")
    #expect(!pattern.matches(String(repeating: "a", count: 5_000)))
    #expect(!NamePattern(String(repeating: "**/a/", count: 100) + "b").matches(String(repeating: "a/", count: 2_000)))
  }

  /// The rules as the documentation says them, without any of the code's short cuts.
  private struct Reference {
    let rights: Rights

    func allows(_ who: Principal, _ power: Power, _ repository: String, _ reference: RefName, _ path: Path?) -> Bool {
      for grant in rights.grants {
        var isMeant = false
        for grantee in grant.who {
          switch grantee {
          case .everybody: isMeant = true
          case .principal(let one): if one == who { isMeant = true }
          case .group(let group): if rights.groups[group, default: []].contains(who) { isMeant = true }
          }
        }
        guard isMeant else { continue }
        guard grant.repositories.contains(where: { $0.matches(repository) }) else { continue }
        guard grant.references.contains(where: { $0.matches(reference.text) }) else { continue }
        if reference.text.hasPrefix("refs/lares/"), !grant.powers.contains(.administer) { continue }
        var powers = grant.powers
        if powers.contains(.administer) { powers = Set(Power.allCases) }
        if !powers.isEmpty { powers.insert(.read) }
        guard powers.contains(power) else { continue }
        guard let path else { return true }
        for prefix in grant.paths {
          if path.names.count >= prefix.names.count, Array(path.names.prefix(prefix.names.count)) == prefix.names {
            return true
          }
        }
      }
      return false
    }
  }

  @Test func noSequenceOfGrantsAllowsWhatTheRulesRefuse() throws {
    var random = SeededGenerator(15)
    let people: [Principal] = [.person("ada"), .person("ben"), .service("ada"), .device("phone")]
    let repositories = ["config", "people/ada", "people/ben"]
    let references = ["refs/heads/main", "refs/heads/ada/x", "refs/tags/v1", "refs/lares/undo/1/heads/main"]
      .map { RefName($0)! }
    let paths: [Path] = ["a", "a/b", "a/b/c", "b", "ab", ""]
    func some<Element>(_ list: [Element]) -> [Element] { list.filter { _ in random.next() % 3 == 0 } }
    var allowed = 0
    for _ in 0..<Soak.count(30, soak: 20_000) {
      let groups = ["family": Set(some(people)), "none": []]
      let who: [Grantee] =
        [.everybody, .group("family"), .group("none"), .group("gone")] + people.map { .principal($0) }
      let grants = (0..<random.next() % 5).map { _ in
        Grant(
          who: Set(some(who)), repositories: some(["**", "people/*", "config"]).map { NamePattern($0) },
          references: some(["**", "refs/heads/*", "refs/heads/ada/**", "refs/tags/v*"]).map { NamePattern($0) },
          paths: some(paths), powers: Set(some(Power.allCases)))
      }
      let rights = Rights(grants, groups: groups)
      let reference = Reference(rights: rights)
      for person in people {
        for repository in repositories {
          let access = rights.access(of: person, to: repository)
          for name in references {
            for power in Power.allCases {
              let isAllowed = access.may(power, name)
              #expect(isAllowed == reference.allows(person, power, repository, name, nil))
              if isAllowed { allowed += 1 }
            }
            for path in paths {
              #expect(
                access.writable(name).contains(path) == reference.allows(person, .write, repository, name, path))
            }
          }
        }
      }
    }
    #expect(allowed > 100)
  }

  @Test func headHasNoRightsOfItsOwn() {
    let access = Rights([Grant(who: [.everybody], powers: [.administer])]).access(of: .person("ada"), to: "r")
    #expect(!access.mayChange(.head) && !access.may(.read, .head))
  }

  @Test func aRightToAPlaceIncludesTheRecordsOfItsConflicts() {
    let scope = PathScope(["a/ours", "b"])
    #expect(scope.contains(".lares-conflicts/b/x/theirs"))
    #expect(scope.contains(".lares-conflicts/a/.lares-ours/base"))
    #expect(!scope.contains(".lares-conflicts/a/ours"))
    #expect(!scope.contains(".lares-conflicts/c/ours"))
    #expect(!scope.contains("ab"))
    #expect(PathScope(["a", ""]).isEverything)
    #expect(PathScope([]).isEmpty)
  }

  /// Stock Git sees both of two entries with one name, and may remove the one that counts here.
  @Test func whatIsHiddenBehindAnotherEntryCountsToo() throws {
    let buffer = ObjectBuffer(over: MemoryBackend(format: .sha256))
    func tree(_ entries: [TreeEntry]) throws -> ObjectID {
      try buffer.write(.tree, TreeObject.serialize(entries))
    }
    let (mine, others) = (try buffer.write(.blob, [1]), try buffer.write(.blob, [2]))
    let lists = TreeEntry("lists", .tree, try tree([TreeEntry("a", .file, others)]))
    let bucket = EntryName(".lares-" + String(try NameHash("lists").number(at: 0), radix: 16))
    func root(_ mine: ObjectID, hiding hidden: TreeEntry?) throws -> ObjectID {
      let recipes = TreeEntry("recipes", .tree, try tree([TreeEntry("soup", .file, mine)]))
      let beside = try hidden.map { [TreeEntry(bucket, .tree, try tree([$0]))] } ?? []
      return try tree([lists, recipes] + beside)
    }
    let shadow = TreeEntry("lists", .tree, try tree([TreeEntry("a", .file, mine)]))
    let (before, after) = (try root(others, hiding: nil), try root(mine, hiding: shadow))
    #expect(try Directories.differences(from: before, to: after, in: buffer).map(\.name) == ["recipes"])
    func outside(_ old: ObjectID..., to new: ObjectID) throws -> Path? {
      try PathScope(["recipes"]).firstDifference(from: old, to: new, in: buffer)
    }
    #expect(try outside(before, to: after) == "lists")
    #expect(try outside(before, before, to: after) == "lists")
    #expect(try outside(before, to: root(mine, hiding: nil)) == nil)
    // What was hidden before may stay so.
    #expect(try outside(root(others, hiding: shadow), to: after) == nil)
    #expect(try outside(before, root(others, hiding: shadow), to: after) == nil)
    #expect(try PathScope(["recipes", "lists"]).firstDifference(from: [before], to: after, in: buffer) == nil)
  }
}
