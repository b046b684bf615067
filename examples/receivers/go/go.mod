module postsync.example/receiver

go 1.19
