"""Makes the files beside it with NumPy: make.py FOLDER."""

import numpy as np, sys, os, json
out=sys.argv[1]
cases={
 'f4_2x3': np.arange(6,dtype='<f4').reshape(2,3),
 'f4_fortran': np.asfortranarray(np.arange(24,dtype='<f4').reshape(2,3,4)),
 'f8_big': np.arange(3,dtype='>f8')+.5,
 'i2_big_fortran': np.asfortranarray(np.arange(6,dtype='>i2').reshape(3,2)),
 'c8_big': np.array([1+2j,3-4j],dtype='>c8'),
 'f2_scalar': np.array(1.5,dtype='<f2'),
 'b1': np.array([True,False]),
 'u8': np.array([2**64-1],dtype='<u8'),
 'i8_empty': np.zeros((0,3),dtype='<i8'),
 's': np.array([b'ab',b'',b'c\x00d']),
 'u': np.array(['a\u00e4','\U0001f600','']),
}
for k,v in cases.items():
    with open(os.path.join(out,k+'.npy'),'wb') as f: np.lib.format.write_array(f,v)
with open(os.path.join(out,'v2.npy'),'wb') as f: np.lib.format.write_array(f,np.arange(2,dtype='<i4'),version=(2,0))
with open(os.path.join(out,'objects.npy'),'wb') as f: np.lib.format.write_array(f,np.array([{},1],dtype=object))
with open(os.path.join(out,'records.npy'),'wb') as f: np.lib.format.write_array(f,np.zeros(2,dtype=[('a','<f4')]))
