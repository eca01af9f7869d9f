import GitFormat
import TestSupport
import Testing

@testable import VersionedStore

/// The driver on files of every kind, from anywhere.
@Suite struct MergeDriverTests {
  private static let samples: [String: String] = [
    "counter": "42\n#00000000000000ff\n", "register": "2026-11-22T16:49:34.123Z#0@1f\nvalue",
    "timedlog": "2026-11-22T16:49:34.123Z#0@1f one\n2026-11-22T16:49:35.123Z#0@1f two\\n\n",
    "queue": "2026-11-22T16:49:34.123Z#0@1f one\n", "set": "a\nb\n\\xff\n", "multiset": "#00000000000000ff\n3 a\n1 b\n",
    "rope": "one two three\nfour five\n", "counters": "a\t42\\n\n",
    "json": "{\n  \"a\": [1, {\"b\": null}],\n  \"c\": \"d\"\n}\n",
    "registers": "a\t2026-11-22T16:49:34.123Z#0@1f\\nvalue\n", "toml": "a = 1\n[b]\nc = [1]\n[[d]]\ne = '''x\n'''\n",
    "vcf": "BEGIN:VCARD\r\nUID:1\r\nitem1.TEL;TYPE=home:1\r\nREV:20260101T000000Z\r\nEND:VCARD\r\n",
    "ics": "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nSEQUENCE:3\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
    "txt": "a\nb\nc\n",
  ]

  @Test func thereIsASampleOfEachKind() {
    #expect(Set(Self.samples.keys) == Set(MergePolicy.kinds.keys).union(["txt"]))
  }

  @Test(arguments: samples.keys.sorted()) func damagedFilesMergeOrConflictTheSameForBoth(_ kind: String) throws {
    let sample = Array(Self.samples[kind]!.utf8)
    let path = Path("file.\(kind)")
    for seed in Soak.seeds(1...60, soak: 20_000) {
      var editor = Editor(seed: seed)
      let base = editor.chance(4) ? [] : mutated(sample, &editor)
      let ours = mutated(editor.chance(2) ? base : sample, &editor)
      let theirs = mutated(editor.chance(2) ? base : sample, &editor)
      let left = try MergeDriver.merge(base: base, ours: ours, theirs: theirs, at: path)
      let right = try MergeDriver.merge(base: base, ours: theirs, theirs: ours, at: path)
      #expect(left.isClean == right.isClean, "seed \(seed)")
      if left.isClean { #expect(left.bytes == right.bytes, "seed \(seed)") }
    }
  }

  @Test func attributesFromAnywhereAreReadOrPassedOver() {
    for seed in Soak.seeds(1...200, soak: 50_000) {
      var editor = Editor(seed: seed)
      let attributes = mutated(
        Array("*.txt text merge=union\n[a-z]?/**/x\\* -merge\n# x\n/a merge=lares-set\n".utf8), &editor)
      let policy = MergePolicy.standard.adding(attributes: attributes)
      #expect(policy.rules.count >= MergePolicy.standard.rules.count)
      _ = policy.merge(for: Path("ab/c/x*"))
    }
    // Many stars take no more than the product of both lengths.
    let pattern = PathPattern(String(repeating: "*a", count: 1_000))
    #expect(!pattern.matches(Path(String(repeating: "a", count: 2_000) + "b")))
    let deep = PathPattern(String(repeating: "**/a/", count: 200) + "b")
    #expect(!deep.matches(Path(String(repeating: "a/", count: 600) + "c")))
  }
}
