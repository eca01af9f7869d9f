import GitFormat
import TestSupport
import Testing

@testable import VersionedStore

/// The check of pushes against one that goes through all files of all commits.
@Suite struct ChangeCheckPropertyTests {
  private typealias Texts = [Path: UInt8]

  private struct Made {
    var id: ObjectID
    var parents: [Int]
    var files: Texts
  }

  /// A history of random commits, some of them merges that take from each side what they like.
  private static func history(_ count: Int, in repository: Repository, _ random: inout SeededGenerator) throws -> [Made]
  {
    let paths: [Path] = ["a/x", "a/y/z", "b/x", "b/y", "c", "a/y", ".lares-conflicts/a/x/ours"]
    var made: [Made] = []
    for _ in 0..<count {
      var parents: Set<Int> = []
      for _ in 0..<(made.isEmpty ? 0 : random.next() % 8 == 0 ? 0 : 1 + Int(random.next() % 5) / 3) {
        parents.insert(Int(random.next() % UInt64(made.count)))
      }
      let sides = parents.sorted().map { made[$0].files }
      var files: Texts = [:]
      for path in paths where !sides.isEmpty {
        files[path] = sides[Int(random.next() % UInt64(sides.count))][path]
      }
      for _ in 0..<random.next() % 3 {
        let path = paths[Int(random.next() % UInt64(paths.count))]
        files[path] = random.next() % 3 == 0 ? nil : UInt8(random.next() % 4)
      }
      // A file and a directory cannot have one name.
      if files["a/y"] != nil { files["a/y/z"] = nil }
      var tree = repository.emptyTree
      for (path, text) in files {
        try tree.set(path, [text])
      }
      let buffer = ObjectBuffer(over: repository.objects)
      let commit = try repository.makeCommit(
        of: tree.write(into: buffer), parents: parents.sorted().map { made[$0].id }, .test("\(made.count)"), in: buffer)
      try repository.store(Batch(objects: buffer.objects))
      made.append(Made(id: commit.id, parents: parents.sorted(), files: files))
    }
    return made
  }

  private static func ancestors(of commit: Int, _ made: [Made]) -> Set<Int> {
    made[commit].parents.reduce([commit]) { $0.union(ancestors(of: $1, made)) }
  }

  /// The rule as the documentation says it.
  private static func allows(_ made: [Made], from old: Int, to new: Int, _ allowed: (Path) -> Bool) -> Bool {
    func differ(_ left: Texts, _ right: Texts) -> Set<Path> {
      Set(left.keys).union(right.keys).filter { left[$0] != right[$0] }
    }
    guard differ(made[old].files, made[new].files).allSatisfy(allowed) else { return false }
    for commit in ancestors(of: new, made).subtracting(ancestors(of: old, made)) {
      let parents = made[commit].parents.isEmpty ? [[:]] : made[commit].parents.map { made[$0].files }
      let changed = parents.map { differ($0, made[commit].files) }.reduce(nil as Set<Path>?) {
        $0?.intersection($1) ?? $1
      }
      guard changed?.allSatisfy(allowed) ?? true else { return false }
    }
    return true
  }

  @Test func nothingPassesThatTheRuleRefuses() throws {
    var random = SeededGenerator(41)
    let ada = Principal.person("ada")
    let main = RefName.branch("main")!
    var (passed, refused) = (0, 0)
    for _ in 0..<Soak.count(3, soak: 1_000) {
      let repository = try StoreMaker.memory.repository()
      let made = try Self.history(12, in: repository, &random)
      for prefixes in [["a"], ["a/y", "c"], ["b", "a/x"], ["a", "b/x", "c"]] as [[Path]] {
        let access = Rights([Grant(who: [.everybody], paths: prefixes, powers: [.write, .rewind])]).access(
          of: ada, to: "r")
        let check = ChangeCheck(access, of: repository.backend, with: repository.objects)
        for old in made.indices {
          for new in made.indices where new != old && made[new].id != made[old].id {
            let problem = try check.problem(
              with: RefChange(main, from: made[old].id, to: made[new].id, who: repository.signature(), why: "push"))
            let isAllowed = Self.allows(made, from: old, to: new) { path in
              prefixes.contains { path.hasPrefix($0) || path.hasPrefix(Path([".lares-conflicts"]) + $0) }
            }
            #expect((problem == nil) == isAllowed, "\(prefixes): \(old) to \(new): \(problem ?? "passed")")
            if problem == nil { passed += 1 } else { refused += 1 }
          }
        }
      }
    }
    #expect(passed > 10 && refused > 200)
  }
}
