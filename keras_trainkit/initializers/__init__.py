"""initializers"""
