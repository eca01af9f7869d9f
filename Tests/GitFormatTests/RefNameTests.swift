import GitFormat
import HostSystem
import TestSupport
import Testing

@Suite struct RefNameTests {
  /// Names of what the rules are about.
  @Test func namesAreThoseOfGitCheckRefFormat() throws {
    var random = SeededGenerator(Soak.seed(11))
    let git = try StockFsck(.sha1)
    let parts = [
      "a", "b", ".", "..", "/", "//", "@", "{", "@{", ".lock", "lock", "-", "~", "^", ":", "?", "*", "[", "]", "\\",
      " ", "\t",
      "\u{7f}", "é", "\u{301}", "HEAD", "refs/", "\u{1F3E0}",
    ]
    var good = 0
    for _ in 0..<Soak.count(300, soak: 10_000) {
      let rest = (0..<Int.random(in: 0...4, using: &random)).map { _ in parts.randomElement(using: &random) ?? "" }
      let name = "refs/" + ["heads/", "", "heads/x"].randomElement(using: &random)! + rest.joined()
      let isGood = try git.run("check-ref-format", name).isSuccess
      good += isGood ? 1 : 0
      #expect((RefName(name) != nil) == isGood, "\(name.debugDescription)")
    }
    #expect(good > 50)
  }

  @Test func namesOutsideOfRefsAreOnlyHead() {
    #expect(RefName("HEAD") == .head)
    for name in ["", "main", "heads/main", "FETCH_HEAD", "refs", "refs/", "/refs/a", "head"] {
      #expect(RefName(name) == nil)
    }
    #expect(RefName("refs/heads/" + String(repeating: "x", count: 201)) == nil)
    #expect(RefName("refs/" + String(repeating: "xx/", count: 400) + "x") == nil)
  }

  @Test func twoSpellingsOfALetterAreTwoNames() throws {
    let composed = try #require(RefName.branch("\u{e9}")), decomposed = try #require(RefName.branch("e\u{301}"))
    #expect(composed != decomposed)
    #expect(Set([composed, decomposed]).count == 2)
    #expect(decomposed < composed)
    #expect(composed.branchName == "\u{e9}")
    // The accent joins the last dot, and there still are two.
    #expect(RefName("refs/heads/a..\u{301}") == nil)
    // It joins the slash, and this still is a branch.
    #expect(RefName("refs/heads/\u{301}")?.branchName == "\u{301}")
  }
}
