import LibraryOS
print("hello")
for d in Machine.arguments.devices { print(d.base); print(d.line) }
