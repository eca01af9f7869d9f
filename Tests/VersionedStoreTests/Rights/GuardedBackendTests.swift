import GitFormat
import TestSupport
import Testing

@testable import VersionedStore

/// A repository opened in somebody's name.
@Suite struct GuardedBackendTests {
  private let owner: Repository

  init() throws { owner = try StoreMaker.memory.repository() }

  private func opened(by name: String, _ grants: [Grant]) -> Repository {
    let access = Rights(grants).access(of: .service(name), to: "shared")
    return Repository(owner.backend, as: access, mail: "\(name)@lares") { 1_800_000_000 }
  }

  private static func grant(_ branches: [String], paths: [Path] = [.root], _ powers: Set<Power>) -> Grant {
    Grant(
      who: [.everybody], references: branches.map { NamePattern("refs/heads/\($0)") }, paths: paths, powers: powers)
  }

  @Test func hiddenBranchesAndTheirObjectsAreNotThere() throws {
    let seen = try #require(try owner.branch("main").set("a", Array("open".utf8), .test("open")))
    let hidden = try #require(try owner.branch("secret").set("b", Array("hidden".utf8), .test("hidden")))
    let service = opened(by: "printer", [Self.grant(["main"], [.read])])
    #expect(try service.branches().map(\.name) == ["main"])
    #expect(try service.branch("secret").head() == nil)
    #expect(try service.branch("main").get("a") == Array("open".utf8))
    #expect(try service.commit(seen.id).id == seen.id)
    let entry = try #require(try hidden.tree.entry("b"))
    for id in [hidden.id, hidden.object.tree, entry.id] {
      #expect(throws: StoreError.missing(id)) { try service.backend.object(id) }
      #expect(try !service.backend.contains(id))
      #expect(throws: StoreError.self) { try service.branch("new").testAndSet(head: nil, to: id, why: "steal") }
    }
    // By a tree of one's own that names it.
    let writer = opened(by: "printer", [Self.grant(["main", "own"], Set(Power.allCases))])
    #expect(throws: StoreError.missing(entry.id)) {
      try writer.branch("own").update(.test("steal")) { tree throws(StoreError) in
        try tree.setObject("b", entry.mode, entry.id)
      }
    }
    let buffer = ObjectBuffer(over: owner.objects)
    _ = try buffer.write(.tree, TreeObject.serialize([TreeEntry("b", entry.mode, entry.id)]))
    #expect(throws: StoreError.missing(entry.id)) { try writer.backend.commit(Batch(objects: buffer.objects)) }
    let tag = ObjectBuffer(over: owner.objects)
    _ = try tag.write(.tag, Array("object \(hidden.id)\ntype commit\ntag x\ntagger A <a@b> 1 +0000\n\nx\n".utf8))
    #expect(throws: StoreError.missing(hidden.id)) { try writer.backend.commit(Batch(objects: tag.objects)) }
  }

  @Test func whatBecomesVisibleIsFound() throws {
    let hidden = try #require(try owner.branch("secret").set("b", Array("hidden".utf8), .test("hidden")))
    let service = opened(by: "printer", [Self.grant(["main"], [.read])])
    #expect(try !service.backend.contains(hidden.id))
    try owner.createBranch("main", at: hidden.id)
    #expect(try service.commit(hidden.id).tree.get("b") == Array("hidden".utf8))
  }

  @Test func aServiceWritesWhatItMayAndNothingElse() throws {
    try owner.branch("main").set("recipes/soup", Array("1".utf8), .test("soup"))
    let service = opened(by: "kitchen", [Self.grant(["main"], paths: ["recipes"], [.write])])
    let main = try service.branch("main")
    let made = try #require(try main.set("recipes/bread", Array("2".utf8), .test("bread")))
    #expect(made.committer.email == "kitchen@lares")
    #expect(throws: StoreError.self) { try main.set("lists/shopping", [], .test("lists")) }
    #expect(throws: StoreError.self) { try service.branch("other").set("recipes/x", [], .test("other")) }
    #expect(throws: StoreError.self) { try service.deleteBranch("main") }
    #expect(try owner.branch("main").head()?.id == made.id)
    #expect(try owner.branch("main").tree().list().map(\.name) == ["recipes"])
  }

  /// Whoever sees a part of the branches sees exactly what they reach, in whatever order it is asked for.
  @Test func exactlyWhatIsReachedIsVisible() throws {
    var random = SeededGenerator(77)
    for _ in 0..<Soak.count(10, soak: 300) {
      let owner = try StoreMaker.memory.repository()
      for step in 0..<12 {
        let branch = try owner.branch("b\(random.next() % 4)")
        try branch.set(Path("d\(random.next() % 3)/f\(random.next() % 3)"), Array("\(step % 5)".utf8), .test("\(step)"))
      }
      let branches = try owner.branches()
      let open = branches.filter { _ in random.next() % 2 == 0 }
      var reached: Set<ObjectID> = []
      func walk(_ id: ObjectID) throws {
        guard reached.insert(id).inserted else { return }
        try owner.objects.object(id).forEachLink(owner.format) { (link) throws(StoreError) in
          do { try walk(link.id) } catch { throw .missing(link.id) }
        }
      }
      for branch in open { try walk(branch.requireHead().id) }
      let seen = reached
      for branch in branches { try walk(branch.requireHead().id) }
      let visible = VisibleObjects(of: owner.backend) { name in open.contains { $0.reference == name } }
      for id in reached.shuffled(using: &random) { #expect(try visible.contains(id) == seen.contains(id)) }
    }
  }
}
