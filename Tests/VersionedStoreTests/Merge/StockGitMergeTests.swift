import GitFormat
import HostSystem
import TestSupport
import Testing

@testable import VersionedStore

/// Our merges beside those of stock Git.
@Suite struct StockGitMergeTests {
  /// Random histories of text files: branches that fork, change and merge, with criss-crosses. Where `git merge-tree` is
  /// clean, so are we, with the same tree. Renames are not looked for in either.
  @Test(arguments: ObjectFormat.allCases) func historiesMergeAsInGit(_ format: ObjectFormat) throws {
    var (clean, conflicts) = (0, 0)
    for seed in Soak.seeds(1...3, soak: 300) {
      var editor = Editor(seed: seed)
      let repository = try StoreMaker(name: "memory", format: format) { MemoryBackend(format: $0) }.repository()
      let git = try GitDump(format)
      var branches = [try repository.branch("main")]
      try branches[0].commit(Tree(start, in: repository.objects), on: nil, .test("start"))
      let first = try branches[0].requireHead().id
      for name in ["b", "c"] { branches.append(try repository.createBranch(name, at: first)) }
      for _ in 0..<12 {
        let branch = editor.pick(branches)!, other = editor.pick(branches)!
        if branch.name != other.name, editor.chance(2) {
          switch try branch.merge(other, .test("merge")) {
          case .merged(let commit):
            clean += 1
            let output = try mergeTree(git, repository, commit)
            #expect(output.output == "\(commit.object.tree)\n", "seed \(seed)")
          case .conflicts(let commit, _):
            conflicts += 1
            let output = try mergeTree(git, repository, commit)
            #expect(!output.isSuccess, "we are in conflict, Git is not: seed \(seed)")
            try resolve(branch)
          case .fastForward, .alreadyMerged: continue
          }
        } else {
          try change(branch, &editor)
        }
      }
    }
    #expect(clean + conflicts >= 5)
  }

  /// What Git makes of a merge commit's parents.
  private func mergeTree(_ git: GitDump, _ repository: Repository, _ commit: Commit) throws -> StockGit.Outcome {
    try git.store(repository, commit)
    return try StockGit.attempt(
      [
        "-c", "merge.renames=false", "-c", "merge.directoryRenames=false", "merge-tree", "--write-tree",
        "--no-messages", commit.parents[0].hex, commit.parents[1].hex,
      ], at: git.folder.path)
  }

  private var start: Sketch {
    var sketch: Sketch = [:]
    for file in 0..<6 { sketch["d\(file % 2)/f\(file)"] = (0..<20).map { "line \(file) \($0)\n" }.joined() }
    return sketch
  }

  private func change(_ branch: Branch, _ editor: inout Editor) throws {
    var tree = try branch.tree()
    let path = Path("d\(editor.below(2))/f\(editor.below(6))")
    if let bytes = try tree.find(path), !editor.chance(8) {
      var lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
      for _ in 0...editor.below(2) {
        lines.insert("new \(editor.random.next())", at: editor.below(lines.count + 1))
        if !lines.isEmpty { lines.remove(at: editor.below(lines.count)) }
      }
      try tree.set(path, [UInt8](text: lines.map { $0 + "\n" }.joined()))
    } else if editor.chance(2) {
      try tree.remove(path)
    } else {
      try tree.set(path, [UInt8](text: "new file \(editor.random.next())\n"))
    }
    try branch.commit(tree, on: try branch.requireHead().id, .test("change"))
  }

  private func resolve(_ branch: Branch) throws {
    try branch.update(.test("resolve")) { tree throws(StoreError) in
      for conflict in try tree.conflicts() { try tree.resolve(conflict, with: .theirs) }
    }
  }

  @Test(arguments: ObjectFormat.allCases) func gitClonesAndChecksACommitWithConflicts(_ format: ObjectFormat) throws {
    let repository = try StoreMaker(name: "memory", format: format) { MemoryBackend(format: $0) }.repository()
    let main = try repository.branch("main")
    func commit(_ branch: Branch, _ sketch: Sketch) throws {
      try branch.commit(Tree(sketch, in: repository.objects), on: try branch.head()?.id, .test("set"))
    }
    try commit(main, ["a/ours": "1\n", "b": "1", "c": "1", "l": "-> x"])
    let topic = try repository.createBranch("topic", at: try main.requireHead().id)
    try commit(main, ["a/ours": "2\n", "c/d": "1", "l": "-> y"])
    try commit(topic, ["a/ours": "3\n", "b": "2", "c": "2", "l": "-> z"])
    guard case .conflicts(let merged, let paths) = try main.merge(topic, .test("merge")) else {
      Issue.record("no conflict")
      return
    }
    #expect(paths == ["a/ours", "b", "c", "l"])
    let git = try GitDump(format)
    try git.store(repository, merged)
    try git.run("symbolic-ref", "HEAD", "refs/heads/main")
    #expect(try git.run("fsck", "--strict", "--no-dangling").isEmpty)
    try git.run("clone", "-q", git.folder.path, git.folder.path + "/clone")
    let files = try git.run("ls-tree", "-r", "--name-only", "main").split(separator: "\n").map(String.init)
    #expect(files.contains(".lares-conflicts/b/theirs"))
    #expect(files.contains(".lares-conflicts/a/.lares-ours/base"))
    #expect(try File.read(git.folder.path + "/clone/.lares-conflicts/b/base") == [UInt8](text: "1"))
  }
}
