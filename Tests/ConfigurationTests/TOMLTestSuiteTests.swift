import Configuration
import FoundationEssentials
import Testing

/// toml-test's cases of TOML 1.0.0.
@Suite struct TOMLTestSuiteTests {
  @Test func `every valid document means what the suite says`() throws {
    let names = try TestData.tomlCases("valid/")
    #expect(names.count == 210)
    for name in names {
      let document: TOMLDocument
      do { document = try TOMLDocument(parsing: TestData.tomlCase(name)) } catch {
        Issue.record("\(name): \(error)")
        continue
      }
      let json = try TestData.tomlCase(String(name.dropLast(4)) + "json")
      let expected = try JSONDecoder().decode(TaggedValue.self, from: Data(json))
      let found = document.root.value
      #expect(expected.matches(found), "\(name): \(found)")
    }
  }

  @Test func `every invalid document is refused with a line and a column`() throws {
    let names = try TestData.tomlCases("invalid/")
    #expect(names.count == 499)
    for name in names {
      let bytes = try TestData.tomlCase(name)
      let lines = bytes.count { $0 == UInt8(ascii: "\n") } + 1
      do {
        _ = try TOMLDocument(parsing: bytes)
        Issue.record("\(name) was accepted")
      } catch {
        #expect(!error.errors.isEmpty)
        for problem in error.errors {
          #expect((1...lines).contains(problem.line) && problem.column >= 1 && !problem.problem.isEmpty, "\(name)")
        }
      }
    }
  }

  @Test func `a document is rendered as it was read`() throws {
    for name in try TestData.tomlCases("valid/") {
      let bytes = try TestData.tomlCase(name)
      let document = try TOMLDocument(parsing: bytes)
      #expect(document.render() == bytes, "\(name)")
    }
  }

  @Test func `a value written by us reads as the same value`() throws {
    for name in try TestData.tomlCases("valid/") {
      let document = try TOMLDocument(parsing: TestData.tomlCase(name))
      for entry in document.root.entries {
        let again = try TOMLDocument(parsing: "x = \(entry.node.value)")
        #expect(again.root["x"]?.value == entry.node.value, "\(name): \(entry.node.value)")
      }
    }
  }
}

/// toml-test's way to write a value in JSON: `{"type": …, "value": …}` for scalars.
enum TaggedValue: Decodable {
  case scalar(type: String, text: String)
  case array([TaggedValue])
  case table([String: TaggedValue])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let elements = try? container.decode([TaggedValue].self) {
      self = .array(elements)
    } else if let fields = try? container.decode([String: String].self), fields.count == 2, let type = fields["type"],
      let text = fields["value"]
    {
      self = .scalar(type: type, text: text)
    } else {
      self = .table(try container.decode([String: TaggedValue].self))
    }
  }

  func matches(_ value: TOMLValue) -> Bool {
    switch (self, value) {
    case (.array(let expected), .array(let found)):
      expected.count == found.count && zip(expected, found).allSatisfy { $0.matches($1) }
    case (.table(let expected), .table(let found)):
      expected.count == found.count && found.allSatisfy { expected[$0.key]?.matches($0.value) == true }
    case (.scalar("string", let text), .string(let found)): text.utf8.elementsEqual(found.utf8)
    case (.scalar("integer", let text), .integer(let found)): Int64(text) == found
    case (.scalar("float", let text), .float(let found)): Double(text) == found || (text == "nan" && found.isNaN)
    case (.scalar("bool", let text), .boolean(let found)): text == String(found)
    case (.scalar("datetime", let text), .offsetDateTime), (.scalar("datetime-local", let text), .localDateTime),
      (.scalar("date-local", let text), .localDate), (.scalar("time-local", let text), .localTime):
      (try? TOMLDocument(parsing: "x = \(text)"))?.root["x"]?.value == value
    default: false
    }
  }
}
