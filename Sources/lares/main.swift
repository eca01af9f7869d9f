print("lares")
